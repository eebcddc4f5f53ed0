"""What heavy memory costs: nothing per byte in a process, one pass in a gate, a handle to send it.

Run: python benchmarks/bench_heavy.py [--mib N] [--markdown PAGE]. The array is of 1 GiB unless
said otherwise. Each line is one ratio of two rivals that took turns in one run. The child of the
last lines runs already; it answers when it has read both ends of the array.
"""

import argparse
import multiprocessing
import pickle
import statistics
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from common import loop, machine, measure, outside, own, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, heavy, process

MIB = 1 << 20
SPAWN = multiprocessing.get_context("spawn")

Row = tuple[str, str, str, str, str]
"""What, against what, the measured ratio, the goal, the verdict."""


def main() -> None:
    """Measure, show, and put the table into a page where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mib", type=int, default=1024, help="size of the large array")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    large = np.asarray(heavy.zeros(args.mib * MIB // 4, "float32"))
    large += 1
    rows = [*steps(large), *native(large), *gates(large), *hand_over(large)]
    head = ("what", "against", "ratio", "goal", "")
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|---|---|---:|---:|---|")
    text = "\n".join([*lines, "", f"Arrays of {args.mib} MiB. {machine()}"])
    print(text)
    if args.markdown:
        update(args.markdown, "bench_heavy", text)


def row(what: str, against: str, ratio: float, goal: float | None = None) -> Row:
    """Make a line of the table."""
    verdict = "" if goal is None else "ok" if ratio <= goal else "missed"
    shown = f"{ratio:.2f}" if ratio >= 0.005 else f"{ratio:.5f}"
    return what, against, shown, "" if goal is None else f"{goal:g}", verdict


class Step:
    """An engine over one array, with a process that writes it and one that reads it."""

    def __init__(self, array: Any) -> None:
        domain = BaseDomainContext()
        domain.heavy_x = array  # type: ignore[attr-defined]
        self.engine = TheusEngine(BaseSystemContext(None, domain), strict_mode=True)
        writer = process(inputs=[], outputs=["domain.heavy_x"])
        reader = process(inputs=["domain.heavy_x"], outputs=[])
        self.engine.register_process("write", writer(own(write)))
        self.engine.register_process("read", reader(own(read)))
        self.run = self.engine.run_process


def write(ctx: Any) -> None:
    """Change one element."""
    ctx.domain.heavy_x[0] += 1


def read(ctx: Any) -> int:
    """Look at the array without its elements."""
    return int(ctx.domain.heavy_x.__array_interface__["data"][0])


def steps(large: Any) -> list[Row]:
    """Run a thousand processes over the large array, and compare one with one over 1 KiB."""
    step = Step(large)
    before, where = resident(), set()
    for _ in range(500):
        step.run("write")
        where.add(step.run("read"))
    grown = resident() - before
    assert where == {large.__array_interface__["data"][0]}, "the array was copied"
    rows = [row("growth of memory over 1000 processes", "the array", grown / large.nbytes, 0.01)]
    small = Step(np.asarray(heavy.zeros(256, "float32")))
    for name in ("write", "read"):
        statement = f"run('{name}')"
        sides = outside(statement, 1, run=small.run), outside(statement, 1, run=step.run)
        _, _, ratio = measure(*sides, 2000)
        rows.append(row(f"a process that {name}s it", "1 KiB", ratio, 1.1))
    return rows


def resident() -> int:
    """How many bytes of this process are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def native(large: Any) -> list[Row]:
    """Do numpy's work in a process, on the object itself and on a read-only view."""
    part = large[:MIB]  # what fits a cache: memory that others use as well would hide a cost
    domain = BaseDomainContext()
    domain.heavy_x = part  # type: ignore[attr-defined]
    rows = []
    for what, statement, contract in (
        ("x *= 1.0 on an output", "x *= 1.0", process(inputs=[], outputs=["domain.heavy_x"])),
        ("x.sum() of an input", "x.sum()", process(inputs=["domain.heavy_x"], outputs=[])),
    ):
        engine = TheusEngine(BaseSystemContext(None, domain), strict_mode=True)
        engine.register_process("body", contract(loop(statement, "x = ctx.domain.heavy_x")))
        plain = loop(statement, "x = ctx")
        _, _, ratio = measure(
            lambda n, plain=plain: plain(part, n),
            lambda n, engine=engine: engine.run_process("body", n=n),
            50,
        )
        rows.append(row(what, "the raw array", ratio, 1.02))
    return rows


def gates(large: Any) -> list[Row]:
    """Judge the whole array, by numpy and by the kernel."""
    return [
        row(
            "heavy.is_finite(x)",
            "numpy.isfinite(x).all()",
            turns(lambda: np.isfinite(large).all(), lambda: heavy.is_finite(large)),
            0.5,
        ),
        row(
            "heavy.extremes(x)",
            "x.min(), x.max()",
            turns(lambda: (large.min(), large.max()), lambda: heavy.extremes(large)),
        ),
        row(
            "heavy.is_finite(x[::2])",
            "numpy.isfinite(x[::2]).all()",
            turns(lambda: np.isfinite(large[::2]).all(), lambda: heavy.is_finite(large[::2])),
        ),
    ]


def turns(base: Callable[[], Any], ours: Callable[[], Any], rounds: int = 31) -> float:
    """Compare two functions that take long: median of the ratios of their turns."""
    ratios = []
    for _ in range(rounds):
        start = perf_counter_ns()
        base()
        between = perf_counter_ns()
        ours()
        ratios.append((perf_counter_ns() - between) / (between - start))
    return statistics.median(ratios)


def hand_over(large: Any) -> list[Row]:
    """Send an array to a child that runs already, in three ways, and a small one by handle."""
    mine = heavy.zeros(large.shape, "float32", shared=True)
    np.asarray(mine)[:] = large
    small = heavy.zeros(256, "float32", shared=True)
    here, there = SPAWN.Pipe()
    child = SPAWN.Process(target=answer, args=(there,))
    child.start()
    assert here.recv() == "ready"
    try:
        ratio = turns(lambda: send(here, small), lambda: send(here, mine), 101)
        rows = [row("a child gets it by handle", "1 KiB by handle", ratio)]
        for against, make in (("pickle", pickled), ("multiprocessing.shared_memory", copied)):
            ratio = turns(lambda make=make: send(here, make(large)), lambda: send(here, mine), 3)
            rows.append(row("", against, ratio))
    finally:
        here.send(None)
        child.join()
    return rows


def send(pipe: Any, what: Any) -> None:
    """Send something, and wait until the child has the array and has read its ends."""
    pipe.send(what)
    assert pipe.recv() == 2.0
    if isinstance(what, tuple):
        done = shared_memory.SharedMemory(what[0])
        done.close()
        done.unlink()


def pickled(array: Any) -> bytes:
    """Pickle an array, as a queue or a pool does."""
    return pickle.dumps(array, protocol=5)


def copied(array: Any) -> tuple[str, Any, Any]:
    """Copy an array into a segment of the standard library, and send its name."""
    segment = shared_memory.SharedMemory(create=True, size=array.nbytes)
    np.ndarray(array.shape, array.dtype, segment.buf)[:] = array
    segment.close()
    return segment.name, array.shape, array.dtype


def answer(pipe: Any) -> None:
    """Look at the ends of what comes, until None comes."""
    pipe.send("ready")
    while (what := pipe.recv()) is not None:
        segment = None
        if isinstance(what, bytes):
            array = pickle.loads(what)
        elif isinstance(what, tuple):
            name, shape, dtype = what
            segment = shared_memory.SharedMemory(name)
            array = np.ndarray(shape, dtype, segment.buf)
        else:
            array = np.asarray(what)
        ends = float(array[0] * 0 + 1) + float(array[-1] * 0 + 1)
        del array, what
        if segment is not None:
            segment.close()
        pipe.send(ends)


if __name__ == "__main__":
    main()
