"""What a process costs, and what a guarded read or write in it, as ratios against plain Python.

Run: python benchmarks/bench_call.py [--json FILE] [--markdown PAGE]. It judges nothing by its exit
code: the machine may be busy. The table says which goals are missed.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from common import Pair, Result, Side, compare, loop, markdown, outside, own, save, table, update

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, process


@dataclass
class Counter:
    """An object of the user's, with a method."""

    n: int = 0

    def get(self) -> int:
        """Read one field through self."""
        return self.n


@dataclass
class Fields:
    """Something of every kind."""

    n: int = 1
    counter: Counter = field(default_factory=Counter)
    items: list[int] = field(default_factory=lambda: list(range(100)))
    table: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(100), 0))


@dataclass
class Plain:
    """A context that has nothing to do with theus, not even its base classes."""

    domain_ctx: Fields = field(default_factory=Fields)


@dataclass
class Domain(Fields, BaseDomainContext):
    """The same fields in a layer."""


@dataclass
class System(BaseSystemContext):
    """The same context for an engine."""

    global_ctx: BaseGlobalContext = field(default_factory=BaseGlobalContext)
    domain_ctx: Domain = field(default_factory=Domain)


Run = Callable[..., Any]

FIELDS = [f"domain_ctx.{name}" for name in ("n", "counter", "items", "table")]
reader = process(inputs=FIELDS, outputs=[])
writer = process(inputs=[], outputs=FIELDS, errors=[ValueError])

# What happens inside one process: name, setup, statement, goal.
READS: list[tuple[str, str, str, float | None]] = [
    ("read ctx.domain_ctx.n", "pass", "ctx.domain_ctx.n", 5),
    ("read a field of an object", "x = ctx.domain_ctx.counter", "x.n", None),
    ("call a method of an object", "x = ctx.domain_ctx.counter", "x.get()", None),
    ("read a key of a dict", "x = ctx.domain_ctx.table", "x[7]", None),
    ("read an element of a list", "x = ctx.domain_ctx.items", "x[7]", None),
    ("iterate over a list of 100", "x = ctx.domain_ctx.items", "for _ in x: pass", None),
]
WRITES: list[tuple[str, str, str, float | None]] = [
    ("write ctx.domain_ctx.n", "pass", "ctx.domain_ctx.n = 7", None),
    ("write a field of an object", "x = ctx.domain_ctx.counter", "x.n = 7", None),
    ("write a key of a dict", "x = ctx.domain_ctx.table", "x[7] = 8", None),
    ("write an element of a list", "x = ctx.domain_ctx.items", "x[7] = 8", None),
    ("append to a list", "x = ctx.domain_ctx.items; x.clear()", "x.append(8)", None),
]


def main() -> None:
    """Measure everything, show it, and file it where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    results = [*calls(), *inside(), *transactions()]
    print(table(results))
    missed = [result.what for result in results if result.verdict == "missed"]
    print("\nmissed:", ", ".join(missed) or "none")
    if args.json:
        save(results, args.json)
    if args.markdown:
        update(args.markdown, "bench_call", markdown(results))


def calls() -> Iterator[Result]:
    """Measure the price of a process from outside: an empty one in both modes, and small ones."""
    against = "direct call"
    yield compare("empty process, strict", against, calls_of(empty, True), 10_000, 5)
    yield compare("empty process, training", against, calls_of(empty, False), 10_000, 2)
    yield compare("process that reads a field", against, calls_of(peek, True), 10_000)
    yield compare("process that writes a field", against, calls_of(poke, True), 10_000)


def calls_of(function: Run, strict: bool) -> Pair:
    """Call a function with a plain context, and run it as a process."""

    def pair(unroll: int) -> tuple[Side, Side]:
        run = engine(System(), strict, work=writer(own(function)))
        direct = loop("f(ctx)", "pass", unroll, f=own(function))
        return partial(direct, Plain()), outside("run('work')", unroll, run=run)

    return pair


def empty(ctx: System) -> None:
    """Do nothing."""


def peek(ctx: System) -> None:
    """Read one field."""
    ctx.domain_ctx.n  # noqa: B018


def poke(ctx: System) -> None:
    """Write one field."""
    ctx.domain_ctx.n = 7


def inside() -> Iterator[Result]:
    """Measure statements inside one long process, against the same on a plain context."""
    for contract, cases in ((reader, READS), (writer, WRITES)):
        for what, setup, statement, goal in cases:
            n = 500 if "iterate" in what else 20_000
            yield compare(what, "plain object", bodies(contract, statement, setup), n, goal)


def bodies(contract: Callable[[Run], Run], statement: str, setup: str) -> Pair:
    """Put a statement into a process, which times itself, and into a plain function."""

    def pair(unroll: int) -> tuple[Side, Side]:
        plain, body = (loop(statement, setup, unroll) for _ in range(2))
        run = engine(System(), True, body=contract(body))
        return partial(plain, Plain()), lambda n: run("body", n=n)

    return pair


def transactions() -> Iterator[Result]:
    """Measure what must not grow: with the size of a dict, and by failing."""
    small, large = (put_engine(size) for size in (100, 1_000_000))

    def sizes(unroll: int) -> tuple[Side, Side]:
        return outside("run('put')", unroll, run=small), outside("run('put')", unroll, run=large)

    yield compare("one key of a dict of 1e6", "one of 1e2", sizes, 5_000, 1.5)
    run = engine(System(), True, commit=writer(own(fill)), fail=writer(own(fill)))

    def ends(unroll: int) -> tuple[Side, Side]:
        fail = "\n        try: run('fail', fail=True)\n        except ValueError: pass"
        return outside("run('commit', fail=False)", unroll, run=run), outside(fail, unroll, run=run)

    yield compare("100 writes, rolled back", "committed", ends, 300)


def put_engine(size: int) -> Run:
    """Hold a dict of a size, and a process that writes one key of it."""
    ctx = System()
    ctx.domain_ctx.table = dict.fromkeys(range(size), 0)
    return engine(ctx, True, put=writer(own(put)))


def put(ctx: System) -> None:
    """Write one key."""
    ctx.domain_ctx.table[7] = 8


def fill(ctx: System, fail: bool) -> None:
    """Write a hundred keys, and perhaps fail."""
    table = ctx.domain_ctx.table
    for key in range(100):
        table[key] = 8
    if fail:
        raise ValueError


def engine(ctx: System, strict: bool, **processes: Run) -> Run:
    """Register processes with an engine of their own; return what runs one."""
    engine = TheusEngine(ctx, strict_mode=strict)
    for name, function in processes.items():
        engine.register_process(name, function)
    return engine.execute_process


if __name__ == "__main__":
    main()
