"""What a schema adds to a strict process, and how that depends on the size of the state.

Run: python benchmarks/bench_schema.py [--json FILE] [--markdown PAGE]. The base is the same process
on an engine without a schema. It judges nothing by its exit code: the machine may be busy.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from common import Result, Side, compare, markdown, outside, own, save, table, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process


@dataclass
class Bed:
    """An object below a field."""

    water: float = 0.0
    next: "Bed | None" = None


@dataclass
class Domain(BaseDomainContext):
    """Fields of the types that matter."""

    number: float = 0.0
    mode: Literal["auto", "manual"] = "auto"
    items: list[int] = field(default_factory=list)
    beds: dict[str, Bed] = field(default_factory=lambda: {f"b{i}": Bed() for i in range(10)})


def reading(ctx: Any) -> None:
    """Write nothing."""
    _ = ctx.domain_ctx.number


def scalar(ctx: Any) -> None:
    """Write one field."""
    ctx.domain_ctx.number = 7.0


def literal(ctx: Any) -> None:
    """Write a field of which the kernel is asked."""
    ctx.domain_ctx.mode = "manual"


def swap(ctx: Any) -> None:
    """Write one element of a list."""
    ctx.domain_ctx.items[3] = 5


def objects(ctx: Any) -> None:
    """Write a field of ten objects."""
    for bed in ctx.domain_ctx.beds.values():
        bed.water = 7.0


def fresh(ctx: Any) -> None:
    """Assign a list of a thousand numbers."""
    ctx.domain_ctx.items = NUMBERS


NUMBERS = list(range(1000))


def engine(body: Callable[..., Any], schema: bool, items: int) -> Callable[..., Any]:
    """An engine with one process, with or without a schema."""
    root = BaseSystemContext(None, Domain(items=list(range(items))))
    made: TheusEngine[Any] = TheusEngine(root, True, schema="annotations" if schema else None)
    made.register_process("work", process(inputs=[], outputs=["domain_ctx"])(own(body)))
    return made.execute_process


def cost(what: str, body: Callable[..., Any], items: int = 10, n: int = 10_000) -> Result:
    """Measure a process with a schema against the same without."""

    def pair(unroll: int) -> tuple[Side, Side]:
        plain, typed = engine(body, False, items), engine(body, True, items)
        return outside("run('work')", unroll, run=plain), outside("run('work')", unroll, run=typed)

    return compare(what, "no schema", pair, n)


def cases() -> Iterator[Result]:
    """Measure what is written, from nothing to much."""
    yield cost("a process that writes nothing", reading)
    yield cost("one number", scalar)
    yield cost("one field that is a Literal", literal)
    yield cost("one element of ten", swap)
    yield cost("one element of a million", swap, 1_000_000)
    yield cost("a field of each of ten objects", objects, n=2_000)
    yield cost("a list of a thousand numbers", fresh, n=2_000)


def main() -> None:
    """Measure everything, show it, and file it where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    results = list(cases())
    print(table(results))
    if args.json:
        save(results, args.json)
    if args.markdown:
        update(args.markdown, "bench_schema", markdown(results))


if __name__ == "__main__":
    main()
