"""What the demo shows: lines, tables, and the learning curve as a picture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from theus.orchestrator import Transition

from .context import Agent, Exam

WINDOW = 100  # episodes in a running mean
MILESTONES = "  episode   exploring   training return   greedy, on the exam"


def milestone(agent: Agent, exam: Exam) -> str:
    """One line under MILESTONES: how far training has come."""
    recent = np.mean(agent.returns[-WINDOW:])
    return f"  {exam.episode:7}   {agent.epsilon:9.0%}   {recent:15.2f}   {exam.mean:19.2f}"


def comparison(before: Exam, after: Exam, episodes: int) -> str:
    """The before/after table."""
    rows = [
        ("mean return", f"{before.mean:.2f}", f"{after.mean:.2f}"),
        ("worst return", f"{before.worst:.0f}", f"{after.worst:.0f}"),
        ("steps per episode", f"{before.steps:.1f}", f"{after.steps:.1f}"),
        ("passengers home", f"{before.delivered}/{episodes}", f"{after.delivered}/{episodes}"),
    ]
    head = ("", "random policy", "trained, greedy")
    lines = [f"  {a:<18} {b:>15} {c:>17}" for a, b, c in [head, *rows]]
    return "\n".join([lines[0], "  " + "-" * 52, *lines[1:]])


def traces(fields: Mapping[str, tuple[str, str]], written: list[str]) -> str:
    """The digest of each field before and after, those that were written first."""
    lines = [f"  {'field':<20} {'before':<12}   after"]
    for name in written:
        before, after = (digest[:12] for digest in fields[name])
        verdict = "same" if before == after else "CHANGED"
        lines.append(f"  {name:<20} {before}   {after}   {verdict}")
    rest = [pair for name, pair in fields.items() if name not in written]
    same = sum(before == after for before, after in rest)
    return "\n".join([*lines, f"  and the other fields: {same} of {len(rest)} the same"])


def moves(history: Sequence[Transition]) -> str:
    """Which way the machine went how often, in the order of the first time."""
    ways = Counter((move.source, move.event, move.target) for move in history)
    return "\n".join(
        f"  {source:>8} --{event:-<15}> {target:<8} {count:4}x"
        for (source, event, target), count in ways.items()
    )


def curve(agent: Agent, chance: Exam, crash_at: int, path: Path) -> None:
    """Draw what training earned, what the greedy policy would have, and what chance does."""
    returns = np.asarray(agent.returns)
    mean = [returns[max(0, i - WINDOW) : i].mean() for i in range(1, len(returns) + 1)]
    exams = [exam for exam in agent.exams if exam.policy == "greedy"]
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(returns, color="#9ec5e8", lw=0.5, alpha=0.7, label="one training episode")
    axes.plot(mean, color="#1f5f99", lw=2, label=f"mean of the last {WINDOW}")
    known = [exam.episode for exam in exams], [exam.mean for exam in exams]
    axes.plot(*known, "o-", color="#d9822b", label="greedy policy, on the exam")
    axes.axhline(chance.mean, color="#888888", ls="--", lw=1, label="random policy, on the exam")
    axes.axvline(crash_at, color="#b03030", ls=":", lw=1.2, label="crash, rolled back")
    axes.set(title="Q-learning on Taxi, every step a process", xlabel="episode", ylabel="return")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
