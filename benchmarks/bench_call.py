"""What a process costs, and what a guarded read or write in it, as ratios against plain Python.

Run: python benchmarks/bench_call.py [--json FILE] [--markdown PAGE] [--largest N]. It judges
nothing by its exit code: the machine may be busy. The table says which goals are missed. The
largest container takes a gigabyte.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from common import Case, Pair, Side, loop, markdown, outside, own, save, table, update

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
    many: list[int] = field(default_factory=lambda: list(range(100_000)))
    table: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(100), 0))


@dataclass
class Plain:
    """A context that has nothing to do with theus, not even its base classes."""

    global_ctx: None = None
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

FIELDS = [f"domain_ctx.{name}" for name in ("n", "counter", "items", "many", "table")]
reader = process(inputs=FIELDS, outputs=[])
writer = process(inputs=[], outputs=FIELDS, errors=[ValueError])

# What happens inside one process: name, setup, statement, goal.
READS: list[tuple[str, str, str, float | None]] = [
    ("read ctx.domain_ctx.n", "pass", "ctx.domain_ctx.n", 3),
    ("read a field of an object", "x = ctx.domain_ctx.counter", "x.n", None),
    ("call a method of an object", "x = ctx.domain_ctx.counter", "x.get()", 6),
    ("read a key of a dict", "x = ctx.domain_ctx.table", "x[7]", 4),
    ("read an element of a list", "x = ctx.domain_ctx.items", "x[7]", 4),
    ("iterate over a list of 100", "x = ctx.domain_ctx.items", "for _ in x: pass", None),
    ("iterate over a list of 1e5", "x = ctx.domain_ctx.many", "for _ in x: pass", 2),
]
WRITES: list[tuple[str, str, str, float | None]] = [
    ("write ctx.domain_ctx.n", "pass", "ctx.domain_ctx.n = 7", 4),
    ("write a field of an object", "x = ctx.domain_ctx.counter", "x.n = 7", None),
    ("write a key of a dict", "x = ctx.domain_ctx.table", "x[7] = 8", 4),
    ("write an element of a list", "x = ctx.domain_ctx.items", "x[7] = 8", None),
    ("append to a list", "x = ctx.domain_ctx.items; x.clear()", "x.append(8)", 4),
]
ROUNDS_OF = {"iterate over a list of 100": 500, "iterate over a list of 1e5": 10}


def main() -> None:
    """Measure everything, show it, and file it where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    options.add_argument("--largest", type=int, default=10_000_000, help="elements (10,000,000)")
    args = options.parse_args()
    results = [case.measure() for case in cases(args.largest)]
    print(table(results))
    missed = [result.what for result in results if result.verdict == "missed"]
    print("\nmissed:", ", ".join(missed) or "none")
    if args.json:
        save(results, args.json)
    if args.markdown:
        update(args.markdown, "bench_call", markdown(results))


def cases(largest: int) -> Iterator[Case]:
    """All questions, each of which holds what it measures only while it is asked."""
    yield from calls()
    yield from training()
    yield from inside()
    yield from transactions(largest)


def calls() -> Iterator[Case]:
    """The price of a process from outside: an empty one, and small ones."""
    against, four = "direct call", ", a=1, b=2, c=3, d=4"
    yield Case("empty process, strict", against, calls_of(empty, True), 10_000, 3.5)
    yield Case("... with 4 keyword arguments", against, calls_of(take, True, four), 10_000, 3.5)
    yield Case("empty process, training", against, calls_of(empty, False), 10_000, 1.5)
    yield Case("process that reads a field", against, calls_of(peek, True), 10_000)
    yield Case("process that writes a field", against, calls_of(poke, True), 10_000)


def calls_of(function: Run, strict: bool, arguments: str = "") -> Pair:
    """Call a function with a plain context, and run it as a process."""

    def pair(unroll: int) -> tuple[Side, Side]:
        run = engine(System(), strict, work=writer(own(function)))
        direct = loop(f"f(ctx{arguments})", "pass", unroll, f=own(function))
        return partial(direct, Plain()), outside(f"run('work'{arguments})", unroll, run=run)

    return pair


def empty(ctx: System) -> None:
    """Do nothing."""


def take(ctx: System, a: int, b: int, c: int, d: int) -> None:
    """Take four arguments, and do nothing."""


def peek(ctx: System) -> None:
    """Read one field."""
    ctx.domain_ctx.n  # noqa: B018


def poke(ctx: System) -> None:
    """Write one field."""
    ctx.domain_ctx.n = 7


def training() -> Iterator[Case]:
    """A thousand accesses in training mode, against the same on the same object."""

    def pair_of(function: Run) -> Pair:
        def pair(unroll: int) -> tuple[Side, Side]:
            ctx = Plain()  # both sides use this one: what training mode must leave alone
            run = engine(ctx, False, work=own(function))
            direct = loop("f(ctx)", "pass", unroll, f=own(function))
            return partial(direct, ctx), outside("run('work')", unroll, run=run)

        return pair

    for what, function in (("1000 reads, training", peek_all), ("1000 writes, training", poke_all)):
        yield Case(what, "direct call", pair_of(function), 200, 1.02)


def peek_all(ctx: Plain) -> None:
    """Read a field a thousand times."""
    domain = ctx.domain_ctx
    for _ in range(1000):
        domain.n  # noqa: B018


def poke_all(ctx: Plain) -> None:
    """Write a field a thousand times."""
    domain = ctx.domain_ctx
    for i in range(1000):
        domain.n = i


def inside() -> Iterator[Case]:
    """Statements inside one long process, against the same on a plain context."""
    for contract, cases in ((reader, READS), (writer, WRITES)):
        for what, setup, statement, goal in cases:
            n = ROUNDS_OF.get(what, 20_000)
            yield Case(what, "plain object", bodies(contract, statement, setup), n, goal)


def bodies(contract: Callable[[Run], Run], statement: str, setup: str) -> Pair:
    """Put a statement into a process, which times itself, and into a plain function."""

    def pair(unroll: int) -> tuple[Side, Side]:
        plain, body = (loop(statement, setup, unroll) for _ in range(2))
        run = engine(System(), True, body=contract(body))
        return partial(plain, Plain()), lambda n: run("body", n=n)

    return pair


def transactions(largest: int) -> Iterator[Case]:
    """What must not grow: with the size of a container, and by failing."""
    for name, put in (("dict", put_key), ("list", put_element)):
        what = f"one change in a {name} of {largest:.0e}"
        yield Case(what, "in one of 1e2", sizes_of(put, largest), 5_000, 1.2)
    run = engine(System(), True, commit=writer(own(fill)), fail=writer(own(fill)))

    def ends(unroll: int) -> tuple[Side, Side]:
        fail = "\n        try: run('fail', fail=True)\n        except ValueError: pass"
        return outside("run('commit', fail=False)", unroll, run=run), outside(fail, unroll, run=run)

    yield Case("100 writes, rolled back", "committed", ends, 300, 1.0)


def sizes_of(put: Run, largest: int) -> Pair:
    """Run the same process on a small and on a large container."""

    def pair(unroll: int) -> tuple[Side, Side]:
        small, large = put_engine(put, 100), put_engine(put, largest)
        return outside("run('put')", unroll, run=small), outside("run('put')", unroll, run=large)

    return pair


def put_engine(put: Run, size: int) -> Run:
    """Hold a dict and a list of a size, and a process that changes one of them."""
    ctx = System()
    if put is put_key:
        ctx.domain_ctx.table = dict.fromkeys(range(size), 0)
    else:
        ctx.domain_ctx.items = [0] * size
    return engine(ctx, True, put=writer(own(put)))


def put_key(ctx: System) -> None:
    """Write one key."""
    ctx.domain_ctx.table[7] = 8


def put_element(ctx: System) -> None:
    """Write one element."""
    ctx.domain_ctx.items[7] = 8


def fill(ctx: System, fail: bool) -> None:
    """Write a hundred keys, and perhaps fail."""
    table = ctx.domain_ctx.table
    for key in range(100):
        table[key] = 8
    if fail:
        raise ValueError


def engine(ctx: System | Plain, strict: bool, **processes: Run) -> Run:
    """Register processes with an engine of their own; return what runs one."""
    engine = TheusEngine(ctx, strict_mode=strict)
    for name, function in processes.items():
        engine.register_process(name, function)
    return engine.execute_process


if __name__ == "__main__":
    main()
