"""What the bus costs beside a queue, and what signals cost a process.

Run: python benchmarks/bench_signals.py [--json FILE] [--markdown PAGE] [--signals N]. Two threads
emit as fast as they can while one takes; then all have to be there, in the order of each. It judges
nothing by its exit code: the machine may be busy.
"""

import argparse
import queue
import statistics
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from common import Result, Side, compare, markdown, outside, own, save, table, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
from theus.orchestrator import SignalBus, WorkflowManager

ROUNDS = 7
PRODUCERS = 2


@dataclass
class Domain(BaseDomainContext):
    """A number and a signal."""

    n: float = 0.0
    sig_go: int = 0


@dataclass
class System(BaseSystemContext):
    """The context that is written."""

    global_ctx: None = None
    domain_ctx: Domain = field(default_factory=Domain)


def sustained(put: Callable[[object], None], get: Callable[[], object], signals: int) -> int:
    """Let producers and a consumer work at once; the nanoseconds until all has arrived."""
    each = signals // PRODUCERS

    def produce(mark: int) -> None:
        for number in range(each):
            put((mark, number))

    threads = [threading.Thread(target=produce, args=(mark,)) for mark in range(PRODUCERS)]
    got = []
    start = perf_counter_ns()
    for thread in threads:
        thread.start()
    for _ in range(PRODUCERS * each):
        got.append(get())  # noqa: PERF401 - a loop, as one writes it
    taken = perf_counter_ns() - start
    for thread in threads:
        thread.join()
    for mark in range(PRODUCERS):
        arrived = [number for who, number in got if who == mark]  # type: ignore[misc]
        assert arrived == list(range(each)), "a signal was lost, or came out of order"
    return taken


def throughput(signals: int) -> Result:
    """Both in turn; the ratio is that of the times, so 2 is half the throughput."""
    times = []
    for i in range(ROUNDS):
        bus, plain = SignalBus(), queue.SimpleQueue[object]()
        sides = [(plain.put, plain.get), (bus.emit, bus.get)]
        order = (0, 1) if i % 2 else (1, 0)
        taken = dict((side, sustained(*sides[side], signals)) for side in order)  # noqa: C402
        times.append((taken[0] / signals, taken[1] / signals))
    base, theus = (statistics.median(side) for side in zip(*times, strict=True))
    ratio = statistics.median(t / b for b, t in times)
    what = f"{signals:,} signals, 2 producers, none lost"
    return Result(what, "queue.SimpleQueue", base, theus, ratio, ratio, 2.0)


def write_data(ctx: System) -> None:
    """Write a field."""
    ctx.domain_ctx.n = 7.0


def write_signal(ctx: System) -> None:
    """Write a signal."""
    ctx.domain_ctx.sig_go = 7


def engine(body: Callable[..., Any], managed: bool) -> Callable[..., Any]:
    """An engine with one process, with a manager or without."""
    made = TheusEngine(System(), True)
    made.register_process("work", process(inputs=[], outputs=["domain_ctx"])(own(body)))
    if managed:
        manager = WorkflowManager(made)
        take = manager.bus.get

        def work(name: str) -> None:
            made.execute_process(name)
            while take(block=False) is not None:
                pass

        return work if body is write_signal else made.execute_process
    return made.execute_process


def cost(what: str, body: Callable[..., Any]) -> Result:
    """Measure a process in an engine with a manager against one without."""

    def pair(unroll: int) -> tuple[Side, Side]:
        alone, managed = engine(body, False), engine(body, True)
        return outside("run('work')", unroll, run=alone), outside(
            "run('work')", unroll, run=managed
        )

    return compare(what, "no manager", pair, 10_000)


def cases(signals: int) -> Iterator[Result]:
    """Measure the bus, then a process beside it."""
    yield throughput(signals)
    yield cost("a process that writes data", write_data)
    yield cost("one that signals, and the event taken", write_signal)


def main() -> None:
    """Measure everything, show it, and file it where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    options.add_argument("--signals", type=int, default=1_000_000)
    args = options.parse_args()
    results = list(cases(args.signals))
    print(table(results))
    share = 1 / results[0].ratio
    verdict = "ok" if share >= 0.5 else "missed"
    print(f"\nthe bus has {share:.2f} of the throughput of SimpleQueue; the goal is 0.5: {verdict}")
    if args.json:
        save(results, args.json)
    if args.markdown:
        update(args.markdown, "bench_signals", markdown(results))


if __name__ == "__main__":
    main()
