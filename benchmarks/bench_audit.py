"""What the rules of a recipe add to a strict process.

Run: python benchmarks/bench_audit.py [--json FILE] [--markdown PAGE]. The base is the same process
without a recipe. It judges nothing by its exit code: the machine may be busy.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

from common import Result, Side, compare, markdown, outside, own, save, table, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
from theus.config import AuditRecipe, ConfigFactory, ProcessRecipe, RuleSpec

GOAL = 1000
"""Nanoseconds that ten rules on scalar outputs may add."""


@dataclass
class Domain(BaseDomainContext):
    """Ten numbers."""

    n0: float = 0.0
    n1: float = 1.0
    n2: float = 2.0
    n3: float = 3.0
    n4: float = 4.0
    n5: float = 5.0
    n6: float = 6.0
    n7: float = 7.0
    n8: float = 8.0
    n9: float = 9.0


@dataclass
class System(BaseSystemContext):
    """The context that is judged."""

    global_ctx: None = None
    domain_ctx: Domain = field(default_factory=Domain)


def poke(ctx: System, minutes: int) -> None:
    """Write one field."""
    ctx.domain_ctx.n0 = 7.0


def engine(recipe: ProcessRecipe | None) -> Callable[..., Any]:
    """An engine with one process, and the rules for it."""
    rules = None if recipe is None else AuditRecipe({recipe.process_name: recipe})
    made = TheusEngine(System(), True, rules)
    made.register_process("work", process(inputs=[], outputs=["domain_ctx"])(own(poke)))
    return made.execute_process


def cost(what: str, recipe: ProcessRecipe) -> Result:
    """Measure a process with a recipe against the same without."""

    statement = "run('work', minutes=3)"

    def pair(unroll: int) -> tuple[Side, Side]:
        plain, judged = engine(None), engine(recipe)
        return outside(statement, unroll, run=plain), outside(statement, unroll, run=judged)

    return compare(what, "no recipe", pair, 10_000)


def cases() -> Iterator[Result]:
    """Measure recipes, from none that matters to many."""
    ten = [RuleSpec(f"domain.n{i}", "max", 100, "B") for i in range(10)]
    ranges = [
        RuleSpec(f"domain.n{i}", condition, limit, "B")
        for i in range(5)
        for condition, limit in (("min", -1), ("max", 100))
    ]
    across = [RuleSpec("", "check", "domain.n0 + domain.n1 <= 100", "B")]
    arguments = [RuleSpec("minutes", "min", 1, "B"), RuleSpec("minutes", "max", 30, "B")]
    yield cost("rules of another process only", ProcessRecipe("other", [], ten))
    yield cost("ten rules on ten scalar outputs", ProcessRecipe("work", [], ten))
    yield cost("ten rules on five scalar outputs", ProcessRecipe("work", [], ranges))
    yield cost("one rule on a scalar output", ProcessRecipe("work", [], ten[:1]))
    yield cost("two rules on an argument", ProcessRecipe("work", arguments))
    yield cost("one check of two fields", ProcessRecipe("work", [], across))


def loading() -> tuple[float, float]:
    """Milliseconds to load recipes of 1,000 and of 10,000 rules, half of them inherited."""
    times = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        for rules in (1_000, 10_000):
            each = 20
            lines = ["process_recipes:"]
            for i in range(rules // each):
                lines += [f"  _t{i}:", "    outputs:"]
                lines += [f"      - {{field: domain.f{k}, max: {k}}}" for k in range(each // 2)]
                lines += [f"  p{i}:", f"    inherits: _t{i}", "    outputs:"]
                lines += [f"      - {{field: domain.g{k}, max: {k}}}" for k in range(each // 2)]
            path.write_text("\n".join(lines), encoding="utf-8")
            took = []
            for _ in range(7):
                start = perf_counter_ns()
                ConfigFactory.load_recipe(path)
                took.append(perf_counter_ns() - start)
            times.append(min(took) / 1e6)
    return times[0], times[1]


def main() -> None:
    """Measure everything, show it, and file it where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", type=Path, help="write the figures to this file")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    results = list(cases())
    print(table(results))
    added = results[1].theus - results[1].base
    verdict = "ok" if added <= GOAL else "missed"
    print(f"\nten rules on ten scalar outputs add {added:,.0f} ns; the goal is {GOAL:,}: {verdict}")
    small, large = loading()
    print(
        f"loading 1,000 rules takes {small:,.0f} ms, 10,000 rules {large:,.0f} ms:"
        f" {large / small:.1f} times as long"
    )
    if args.json:
        save(results, args.json)
    if args.markdown:
        update(args.markdown, "bench_audit", markdown(results))


if __name__ == "__main__":
    main()
