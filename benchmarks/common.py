"""How the benchmarks measure: two rivals in turn, many short rounds, medians of both.

Both sides of a ratio run in one process, a few milliseconds apart, so that what else the machine
does hits them alike; the garbage collector is off. CPython specialises bytecode per code object:
a function that has seen plain and guarded objects is slow for both. So every side gets its own.
"""

import gc
import json
import platform
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from types import FunctionType
from typing import Any

ROUNDS = 31

clock: Callable[[], int] = perf_counter_ns
"""What loops compiled from now on ask before and after. Something else may be counted than time."""

Side = Callable[[int], int]
"""Does its work n times and returns the nanoseconds that took."""

Pair = Callable[[int], tuple[Side, Side]]
"""Makes the two sides, with so many statements in one turn of their loops."""


@dataclass(frozen=True)
class Result:
    """One line of the table; times are nanoseconds for one operation."""

    what: str
    against: str
    base: float
    theus: float
    ratio: float  # of two loops with one statement each, as one writes them
    bare: float  # of two loops with ten: little of the loop is left, the plain side hardly costs
    goal: float | None

    @property
    def verdict(self) -> str:
        """Say whether the goal is met; empty if there is none."""
        if self.goal is None:
            return ""
        return "ok" if self.ratio <= self.goal else "missed"


@dataclass(frozen=True)
class Case:
    """One question: a pair, and how many operations make a round of it."""

    what: str
    against: str
    pair: Pair
    n: int
    goal: float | None = None

    def measure(self) -> Result:
        """Measure the pair, as a loop and bare."""
        return compare(self.what, self.against, self.pair, self.n, self.goal)


def compare(what: str, against: str, pair: Pair, n: int, goal: float | None = None) -> Result:
    """Measure a pair, n operations a round, as a loop and bare."""
    base, theus, ratio = measure(*pair(1), n)
    _, _, bare = measure(*pair(10), n)
    return Result(what, against, base, theus, ratio, bare, goal)


def measure(base: Side, theus: Side, n: int) -> tuple[float, float, float]:
    """Run two sides in turn; return the medians of their times and of the rounds' ratios."""
    base(n), theus(n)
    times: list[tuple[float, float]] = []
    gc.collect()
    gc.disable()
    try:
        for i in range(ROUNDS):
            if i % 2:
                b, t = base(n), theus(n)
            else:
                t, b = theus(n), base(n)
            times.append((b / n, t / n))
    finally:
        gc.enable()
    bases, ours = zip(*times, strict=True)
    ratio = statistics.median(t / b for b, t in times)
    return statistics.median(bases), statistics.median(ours), ratio


def loop(statement: str, setup: str = "pass", unroll: int = 1, /, **names: Any) -> Any:
    """Compile timed(ctx, n): it runs a statement n times and returns the nanoseconds that took.

    As timeit does, and for the same reasons: nothing else is in the loop. Every call compiles
    anew, so no two sides share their code.
    """
    lines = [
        "def timed(ctx, n):",
        f"    {setup}",
        "    start = clock()",
        f"    for _ in range(n // {unroll}):",
        *[f"        {statement}"] * unroll,
        "    return clock() - start",
    ]
    scope: dict[str, Any] = {"clock": clock, **names}
    exec("\n".join(lines), scope)
    return scope["timed"]


def outside(statement: str, unroll: int, /, **names: Any) -> Side:
    """Measure a statement that needs no context."""
    return partial(loop(statement, "pass", unroll, **names), None)


def own(function: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a function with a code object of its own, not yet specialised for anything."""
    return FunctionType(function.__code__.replace(), function.__globals__, function.__name__)


HEAD = ("what", "against", "base ns", "theus ns", "ratio", "bare", "goal", "")


def cells(result: Result) -> tuple[str, ...]:
    """Format one line."""
    goal = "" if result.goal is None else f"{result.goal:g}"
    times = f"{result.base:,.0f}", f"{result.theus:,.0f}"
    ratios = f"{result.ratio:.2f}", f"{result.bare:.2f}"
    return result.what, result.against, *times, *ratios, goal, result.verdict


def table(results: Iterable[Result]) -> str:
    """Format for the terminal."""
    rows = [HEAD, *map(cells, results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = (str.ljust, str.ljust, *[str.rjust] * 5, str.ljust)
    return "\n".join(
        "  ".join(f(cell, w) for f, cell, w in zip(sides, row, widths, strict=True)).rstrip()
        for row in rows
    )


def markdown(results: Iterable[Result]) -> str:
    """Format for the documentation, with what the figures depend on."""
    lines = ["| " + " | ".join(row) + " |" for row in [HEAD, *map(cells, results)]]
    lines.insert(1, "|---|---|---:|---:|---:|---:|---:|---|")
    return "\n".join([*lines, "", machine()])


def machine() -> str:
    """Name what the figures depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"Measured on {python}, {platform.system()} {platform.machine()}."


def save(results: Iterable[Result], path: Path) -> None:
    """Write the figures as JSON."""
    data = {"machine": machine(), "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(data, indent=2) + "\n")


def update(page: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of a name in a page."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = page.read_text().split(begin)
    page.write_text(before + begin + text + "\n" + end + rest.split(end)[1])
