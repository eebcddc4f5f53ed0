"""What others cost a process that runs beside them, and how fair threads are to each other.

Run: python benchmarks/bench_threads.py [--json FILE] [--markdown PAGE]. It judges nothing by its
exit code: the machine may be busy.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from common import Result, Side, compare, markdown, outside, save, table, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process

THREADS = 8
WAIT = 0.005  # seconds that each of the disjoint processes waits
ROUNDS = 31


@dataclass
class Domain(BaseDomainContext):
    """A field for each thread, and one for all."""

    n: int = 0
    held: int = 0
    own: list[int] = field(default_factory=lambda: [0] * THREADS)


def engine_of() -> TheusEngine[Any]:
    """An engine with all processes of this file."""
    engine = TheusEngine(BaseSystemContext(None, Domain()), strict_mode=True)

    @process(["domain.n"], [])
    def empty(ctx: Any) -> None:
        pass

    @process([], ["domain.n"])
    def write(ctx: Any) -> None:
        ctx.domain_ctx.n = 1

    @process([], ["domain.n"])
    def count(ctx: Any) -> None:
        ctx.domain_ctx.n += 1

    for each in (empty, write, count):
        engine.register_process(each.__name__, each)
    for number in range(THREADS):
        engine.register_process(f"wait{number}", waiting(number))
    return engine


def waiting(number: int) -> Callable[..., None]:
    """A process that waits and writes a field that no other of them touches."""

    @process([], [f"domain.own[{number}]"])
    def wait(ctx: Any) -> None:
        time.sleep(WAIT)
        ctx.domain.own[number] = number

    return wait


def beside(name: str) -> Result:
    """The same process, alone and while another thread holds a transaction open."""
    alone, shared = engine_of(), engine_of()
    inside, go = threading.Event(), threading.Event()

    @process([], ["domain.held"])
    def hold(ctx: Any) -> None:
        ctx.domain_ctx.held = 1
        inside.set()
        go.wait()

    shared.register_process("hold", hold)
    thread = threading.Thread(target=shared.run_process, args=("hold",))
    thread.start()
    inside.wait()

    def pair(unroll: int) -> tuple[Side, Side]:
        return tuple(  # type: ignore[return-value]
            outside(f"run({name!r})", unroll, run=engine.run_process) for engine in (alone, shared)
        )

    try:
        return compare(f"{name} process, another thread in one", "alone", pair, 20_000, 1.1)
    finally:
        go.set()
        thread.join()


def overlap(wait: Callable[[int], object], what: str, goal: float | None) -> Result:
    """Eight calls that wait, in threads that are there already, against one wait."""
    start, end = threading.Barrier(THREADS + 1), threading.Barrier(THREADS + 1)
    over = False

    def work(number: int) -> None:
        while True:
            start.wait()
            if over:
                return
            wait(number)
            end.wait()

    threads = [threading.Thread(target=partial(work, number)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    times = []
    for _ in range(ROUNDS):
        before = perf_counter_ns()
        time.sleep(WAIT)
        alone = perf_counter_ns() - before
        before = perf_counter_ns()
        start.wait()
        end.wait()
        times.append((alone, perf_counter_ns() - before))
    over = True
    start.wait()
    for thread in threads:
        thread.join()
    base, theus = (statistics.median(side) for side in zip(*times, strict=True))
    ratio = statistics.median(t / b for b, t in times)
    return Result(
        f"{THREADS} {what} {WAIT * 1000:g} ms", "one such wait", base, theus, ratio, ratio, goal
    )


def fairness(count: Callable[[int], object], each: int, what: str, goal: float | None) -> Result:
    """Threads that do the same so often: how long the slowest takes against the fastest.

    Each needs many turns of the GIL: with a few, which thread gets one more decides.
    """
    meet = threading.Barrier(THREADS)
    taken = [0] * THREADS

    def work(number: int) -> None:
        meet.wait()
        start = perf_counter_ns()
        for _ in range(each):
            count(number)
        taken[number] = perf_counter_ns() - start

    threads = [threading.Thread(target=partial(work, number)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slow, fast = max(taken) / each, min(taken) / each
    what = f"{THREADS} threads, {what}: the slowest"
    return Result(what, "the fastest", fast, slow, slow / fast, slow / fast, goal)


def counter(each: int) -> Result:
    """Fairness where all of them want the same field."""
    engine = engine_of()
    result = fairness(lambda _: engine.run_process("count"), each, "one counter", 3.0)
    assert engine.ctx.domain_ctx.n == THREADS * each, "an update was lost"
    return result


def busy(number: int) -> None:
    """Work about as long as a process that counts."""
    for _ in range(30):
        number += 1


def main() -> None:
    """Measure, print, and save where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path)
    options.add_argument("--markdown", type=Path)
    chosen = options.parse_args()
    engine = engine_of()
    results = [
        beside("empty"),
        beside("write"),
        overlap(
            lambda number: engine.run_process(f"wait{number}"), "disjoint processes that wait", 1.1
        ),
        overlap(lambda _: time.sleep(WAIT), "threads of plain Python that wait", None),
        counter(50_000),
        fairness(busy, 50_000, "plain Python, nothing shared", None),
    ]
    print(table(results))
    if chosen.json:
        save(chosen.json, results)
    if chosen.markdown:
        update(chosen.markdown, "bench_threads", markdown(results))


if __name__ == "__main__":
    main()
