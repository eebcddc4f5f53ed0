"""Time and try every peer. Run by `make bench-peers`; --markdown PAGE files the table.

Peers take turns within each round, garbage collector off; a time is that of the best round. Before
anything is timed every peer has to end in the same state.
"""

import argparse
import gc
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns

from common import machine, update

from peers.burr_peer import Burr, BurrInPlace
from peers.langgraph_peer import LangGraph, LangGraphInPlace, LangGraphSaved
from peers.machine import Transitions
from peers.peer import Peer, Wrong, expected
from peers.persistent import Pyrsistent
from peers.plain import DeepCopy, Plain
from peers.pydantic_peer import PydanticGraph
from peers.theus_peer import Theus

SIZES = (10, 1_000, 100_000)
ROUNDS = {10: 31, 1_000: 31, 100_000: 9}
PEERS: tuple[type[Peer], ...] = (
    Plain,
    DeepCopy,
    Theus,
    Pyrsistent,
    Transitions,
    BurrInPlace,
    Burr,
    PydanticGraph,
    LangGraphInPlace,
    LangGraph,
    LangGraphSaved,
)
PACKAGES = ("apache-burr", "langgraph", "pydantic-graph", "pyrsistent", "transitions")


def main() -> None:
    """Check, try, time and show."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    logging.disable()  # some log what is raised on purpose here
    peers = [make() for make in PEERS]
    for peer in peers:
        verify(peer)
    trials = {peer.name: trial(peer) for peer in peers}
    timed(peers, SIZES[0])  # until code is specialised and the heap has its size
    times = {size: timed(peers, size) for size in SIZES}
    text = markdown(peers, times, trials)
    print(text)
    if args.markdown:
        update(args.markdown, "bench_peers", text)


def verify(peer: Peer) -> None:
    """Every peer does the same work, or its time means nothing."""
    peer.begin(10)
    peer.run(peer.steps)
    facts, log = expected(peer.steps)
    assert {name: peer.facts()[name] for name in facts} == facts, peer.name
    assert list(peer.log()) == log, peer.name


def trial(peer: Peer) -> list[str]:
    """Run the three programs that go wrong, and look at what they left."""

    def left(program: Callable[[], None], otherwise: str) -> str:
        peer.begin(10)
        try:
            program()
        except Exception as error:
            # Its own refusal is one way to leave nothing behind.
            otherwise = "undone" if isinstance(error, Wrong) else "refused"
        changed = list(peer.log()) != [] or peer.facts()["k1"] != 1
        return "stays" if changed else otherwise

    return [
        left(peer.assign_and_fail, "undone"),
        left(peer.change_and_fail, "undone"),
        left(peer.stray, "lost").replace("stays", "accepted"),
    ]


def timed(peers: list[Peer], size: int) -> dict[str, tuple[float, float]]:
    """Nanoseconds a step, and the ratio against the first."""
    rounds: list[list[float]] = []
    for number in range(ROUNDS[size] + 1):
        order = peers if number % 2 else peers[::-1]
        taken = {peer.name: once(peer, size) for peer in order}
        if number > 0:  # the first warms up
            rounds.append([taken[peer.name] for peer in peers])
    # What else the machine does slows a peer that uses much memory more than it slows plain Python,
    # so that a median would blame the peer for it. The best of many rounds met nobody.
    best = [min(times[at] for times in rounds) for at in range(len(peers))]
    return {peer.name: (best[at], best[at] / best[0]) for at, peer in enumerate(peers)}


def once(peer: Peer, size: int) -> float:
    """Time one round of one peer on a fresh state."""
    peer.begin(size)
    gc.collect()
    gc.disable()
    try:
        start = perf_counter_ns()
        peer.run(peer.steps)
        return (perf_counter_ns() - start) / peer.steps
    finally:
        gc.enable()


Times = dict[int, dict[str, tuple[float, float]]]


def markdown(peers: list[Peer], times: Times, trials: dict[str, list[str]]) -> str:
    """Format for the terminal and the page."""
    sizes = " | ".join(f"{size:.0e} keys".replace("e+0", "e") for size in SIZES)
    lines = [
        f"| | {sizes} | assigned, then failed | changed in place, then failed | undeclared write |",
        "|---|---:|---:|---:|---|---|---|",
    ]
    for peer in peers:
        ratios = " | ".join(show(*times[size][peer.name]) for size in SIZES)
        lines.append(f"| {peer.name} | {ratios} | {' | '.join(trials[peer.name])} |")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    setups = [f"* **{peer.name}**: {peer.setup}." for peer in peers]
    return "\n".join(
        [*lines, "", *setups, "", f"{datetime.now(UTC).date()}. {machine()} {packages}."]
    )


def show(nanoseconds: float, ratio: float) -> str:
    """A ratio, with the time for scale."""
    unit = f"{nanoseconds / 1e3:,.2f} µs" if nanoseconds < 1e4 else f"{nanoseconds / 1e3:,.0f} µs"
    return f"{ratio:,.1f} ({unit})" if ratio < 100 else f"{ratio:,.0f} ({unit})"


if __name__ == "__main__":
    main()
