"""What one operation on a container costs in a process, from a hundred elements to ten million.

Run: python benchmarks/bench_values.py [--json FILE] [--markdown PAGE] [--largest N]. Each row is a
whole process, commit included, on a large container against the same on one of a hundred: flat
means a ratio near 1.
"""

import argparse
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import Result, Side, compare, markdown, outside, own, save, table, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process

FLAT = 1.3


class Stack(list):  # type: ignore[type-arg]
    """A subclass, for what it leaves to list."""


@dataclass
class Fields(BaseDomainContext):
    """One container."""

    x: Any = None
    n: int = 0
    rest: list[int] = field(default_factory=list)


def one_key(ctx: Any) -> None:
    """Write one key."""
    ctx.domain_ctx.x[7] = 8


def one_key_in_and_out(ctx: Any) -> None:
    """Add a key and take it away."""
    ctx.domain_ctx.x[-1] = 8
    del ctx.domain_ctx.x[-1]


def one_append(ctx: Any) -> None:
    """Append one and take it away."""
    ctx.domain_ctx.x.append(8)
    ctx.domain_ctx.x.pop()


def both_ends(ctx: Any) -> None:
    """Take one from the left end and put one at the right."""
    ctx.domain_ctx.x.append(ctx.domain_ctx.x.popleft())


def one_element(ctx: Any) -> None:
    """Add one element and take it away."""
    ctx.domain_ctx.x.add(-1)
    ctx.domain_ctx.x.discard(-1)


def one_attribute(ctx: Any) -> None:
    """Write one attribute beside the container."""
    ctx.domain_ctx.n = 8


def one_read(ctx: Any) -> None:
    """Read one key or index."""
    ctx.domain_ctx.x[7]


def pairs(size: int) -> Iterator[tuple[int, int]]:
    """As many items as asked for."""
    return ((i, 0) for i in range(size))


def one_slice(ctx: Any) -> None:
    """Write three elements."""
    x = ctx.domain_ctx.x
    x[3:6] = x[6:9]


def doubles(size: int) -> "array[float]":
    """As many numbers of eight bytes."""
    return array("d", bytes(8 * size))


CASES: list[tuple[str, Callable[[int], Any], Callable[[Any], None], float]] = [
    ("attribute beside a list", lambda n: [0] * n, one_attribute, FLAT),
    ("list: one item", lambda n: [0] * n, one_key, FLAT),
    ("list: append", lambda n: [0] * n, one_append, FLAT),
    ("list subclass: append", lambda n: Stack([0] * n), one_append, FLAT),
    ("deque: both ends", lambda n: deque([0] * n), both_ends, FLAT),
    ("dict: one key", lambda n: dict(pairs(n)), one_key, FLAT),
    ("dict: add and delete", lambda n: dict(pairs(n)), one_key_in_and_out, FLAT),
    ("OrderedDict: one key", lambda n: OrderedDict(pairs(n)), one_key, FLAT),
    ("defaultdict: one key", lambda n: defaultdict(int, pairs(n)), one_key, FLAT),
    ("Counter: one key", lambda n: Counter(dict(pairs(n))), one_key, FLAT),
    ("set: one element", lambda n: set(range(n)), one_element, FLAT),
    ("dict: one key read", lambda n: dict(pairs(n)), one_read, FLAT),
    ("bytearray: one byte", bytearray, one_key, FLAT),
    ("bytearray: append", bytearray, one_append, FLAT),
    ("bytearray: slice", bytearray, one_slice, FLAT),
    ("array: one number", doubles, one_key, FLAT),
    ("array: append", doubles, one_append, FLAT),
]


def main() -> None:
    """Measure everything, show it, and file it where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    options.add_argument("--largest", type=int, default=10_000_000, help="stop at this size")
    args = options.parse_args()
    results = list(rows(args.largest))
    print(table(results))
    missed = [result.what for result in results if result.verdict == "missed"]
    print("\nmissed:", ", ".join(missed) or "none")
    if args.json:
        save(results, args.json)
    if args.markdown:
        update(args.markdown, "bench_values", markdown(results))


def rows(largest: int) -> Iterator[Result]:
    """Measure each case at each size against a hundred."""
    for what, make, body, goal in CASES:
        size = 10_000
        while size <= largest:
            yield compare(f"{what}, {size:.0e}", "of 1e2", sizes(make, body, size), 500, goal)
            size *= 1000


def sizes(
    make: Callable[[int], Any], body: Callable[[Any], None], size: int
) -> Callable[[int], tuple[Side, Side]]:
    """Run a process on a hundred elements, and on more."""
    small, large = (engine(make(n), body) for n in (100, size))

    def pair(unroll: int) -> tuple[Side, Side]:
        return outside("run('act')", unroll, run=small), outside("run('act')", unroll, run=large)

    return pair


def engine(value: Any, body: Callable[[Any], None]) -> Callable[..., Any]:
    """Hold a container and a process; return what runs it."""
    engine = TheusEngine(BaseSystemContext(None, Fields(x=value)))
    outputs = ["domain_ctx.x", "domain_ctx.n"]
    engine.register_process("act", process(inputs=[], outputs=outputs)(own(body)))
    return engine.execute_process


if __name__ == "__main__":
    main()
