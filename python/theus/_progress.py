"""Shows a workflow while it runs: a live tree on a terminal, lines in a log elsewhere."""

import importlib
import logging
import sys
from typing import Any

from theus._flux import WorkflowRun, WorkflowStep

_log = logging.getLogger("theus.flux")
_SHOWN = 12  # steps of the tree that are shown: the newest


def follow(run: WorkflowRun) -> None:
    """Carry a run out and show its steps."""
    rich = _rich()
    if rich is None:
        _in_lines(run)
    else:
        _in_tree(run, rich)


def _rich() -> Any:
    """The package rich, if it is installed and there is a terminal to draw on."""
    if not sys.stderr.isatty():
        return None
    try:
        return importlib.import_module("rich.live"), importlib.import_module("rich.tree")
    except ImportError:
        return None


def spelled(step: WorkflowStep) -> str:
    """A step as one line.

    >>> spelled(WorkflowStep("run", "a.yaml:2:3", 1, "fill", {"litres": 3}))
    'fill(litres=3)  a.yaml:2:3'
    """
    if step.kind == "run":
        given = ", ".join(f"{name}={value!r:.40}" for name, value in (step.arguments or {}).items())
        return f"{step.process}({given})  {step.place}"
    what = f"sleep {step.seconds:g} s" if step.kind == "sleep" else "branches"
    return f"{what}  {step.place}"


def _in_lines(run: WorkflowRun) -> None:
    while (step := run.peek()) is not None:
        _log.info("%s%s", "  " * step.depth, spelled(step))
        run.step()
    run.step()
    _log.info("done, %d iterations", run.loops)


def _in_tree(run: WorkflowRun, rich: Any) -> None:
    """The newest steps, each below the one it belongs to."""
    live, tree = rich
    steps: list[WorkflowStep] = []

    def drawn(state: str) -> Any:
        root = tree.Tree(f"{run!r}" if state == "" else state)
        nodes = {-1: root}
        for step in steps[-_SHOWN:]:
            above = max(depth for depth in nodes if depth < step.depth)
            nodes = {depth: node for depth, node in nodes.items() if depth < step.depth}
            nodes[step.depth] = nodes[above if above in nodes else -1].add(spelled(step))
        return root

    with live.Live(drawn(""), transient=False, refresh_per_second=10) as shown:
        while (step := run.peek()) is not None:
            steps.append(step)
            del steps[:-_SHOWN]
            shown.update(drawn(""))
            run.step()
        shown.update(drawn(""))
    run.step()
