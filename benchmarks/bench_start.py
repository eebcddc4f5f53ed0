"""What `import theus` and one engine cost a program.

Run: python benchmarks/bench_start.py [--markdown PAGE]. Every figure is of fresh
interpreters, which take turns: the least time, since what else the machine does only adds to it,
and the median of the memory that the system counts as resident.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from common import machine, update

RUNS = 15
MIB = 1024 * 1024
OBSTACLES = {"PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME"}
"""With these an import compiles, or reports; a user's does neither."""

RESIDENT = """
def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * __import__("resource").getpagesize()
"""

IMPORT = """
from time import perf_counter_ns as clock
start = clock()
import {module}
print(clock() - start)
"""

ENGINE = (
    RESIDENT
    + """
before = resident()
from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process

@process(inputs=[], outputs=["domain_ctx"])
def work(ctx):
    ctx.domain_ctx.n = 1

engine = TheusEngine(BaseSystemContext(None, BaseDomainContext()))
engine.register_process("work", work)
engine.execute_process("work")
print(resident() - before)
"""
)

IMPORTED = RESIDENT + "before = resident()\nimport theus\nprint(resident() - before)"


def main() -> None:
    """Measure, show, and file where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    text = markdown()
    print(text)
    if args.markdown:
        update(args.markdown, "bench_start", text)


def fresh(program: str) -> int:
    """Run a program in an interpreter of its own; return the number it prints."""
    env = {name: value for name, value in os.environ.items() if name not in OBSTACLES}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True)
    return int(done.stdout)


def rows() -> Iterator[tuple[str, float, str, float | None]]:
    """Measure in turn: what, how much, in which unit, and the goal."""
    programs = {
        "`import theus`": IMPORT.format(module="theus"),
        "`import dataclasses`, for scale": IMPORT.format(module="dataclasses"),
        "`import logging`, for scale": IMPORT.format(module="logging"),
    }
    fresh(programs["`import theus`"])  # writes the bytecode, as an installer does
    times: dict[str, list[int]] = {what: [] for what in programs}
    for _ in range(RUNS):
        for what, program in programs.items():
            times[what].append(fresh(program))
    goals: dict[str, float] = {"`import theus`": 30}
    for what, taken in times.items():
        yield what, min(taken) / 1e6, "ms", goals.get(what)
    for what, program, goal in (
        ("memory of `import theus`", IMPORTED, None),
        ("memory of that and one engine that ran", ENGINE, 15),
    ):
        yield what, statistics.median(fresh(program) for _ in range(RUNS)) / MIB, "MiB", goal


def markdown() -> str:
    """Format for the terminal and for a page."""
    lines = ["| what | measured | goal |  |", "|---|---:|---:|---|"]
    for what, much, unit, goal in rows():
        aim = "" if goal is None else f"{goal:g} {unit}"
        verdict = "" if goal is None else "ok" if much <= goal else "missed"
        lines.append(f"| {what} | {much:.1f} {unit} | {aim} | {verdict} |")
    return "\n".join([*lines, "", machine()])


if __name__ == "__main__":
    main()
