"""What a loop of a workflow costs beside the same loop in Python, and loading beside its size.

Run: python benchmarks/bench_flux.py [--markdown PAGE]. It judges nothing by its exit code: the
machine may be busy. The table says which goals are missed.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import common
from common import Pair, Result, Side, markdown, table, update

from theus import BaseDomainContext, BaseSystemContext, FluxLimitError, TheusEngine, process

TURNS = 100_000


@dataclass
class Domain(BaseDomainContext):
    """What the conditions look at."""

    n: int = 0
    m: int = 0


@process(inputs=[], outputs=[])
def tick(ctx: Any) -> None:
    """Do nothing."""


def engine(turns: int) -> TheusEngine[Any]:
    """An engine whose workflows make so many iterations."""
    made = TheusEngine(BaseSystemContext(None, Domain()), strict_mode=True, max_ops=turns)
    made.register_process("tick", tick)
    return made


# ---- loops ---------------------------------------------------------------------------------------


def by_hand(turns: int, made: TheusEngine[Any], body: int) -> int:
    """The loop as one writes it in Python, with the same safety trip."""
    start, loops = perf_counter_ns(), 0
    while made.ctx.domain_ctx.n < 3:
        if (loops := loops + 1) > turns:
            break
        for _ in range(body):
            made.run_process("tick")
    return perf_counter_ns() - start


def once_by_hand(turns: int, made: TheusEngine[Any]) -> int:
    """The same with one call in its body, without a loop around that."""
    start, loops = perf_counter_ns(), 0
    while made.ctx.domain_ctx.n < 3:
        if (loops := loops + 1) > turns:
            break
        made.run_process("tick")
    return perf_counter_ns() - start


def as_workflow(_turns: int, made: TheusEngine[Any], text: str) -> int:
    """The loop as a workflow; its safety trip ends it."""
    start = perf_counter_ns()
    try:
        made.execute_workflow(text)
    except FluxLimitError:
        return perf_counter_ns() - start
    raise AssertionError("the loop ended before its time")


def loops(condition: str, body: int) -> Pair:
    """A loop of so many calls, by hand and as a workflow. There is nothing to unroll."""

    def pair(_unroll: int) -> tuple[Side, Side]:
        made = engine(TURNS)
        text = f'- {{flux: while, condition: "{condition}", do: [{", ".join(["tick"] * body)}]}}'
        hand = (
            partial(once_by_hand, made=made)
            if body == 1
            else partial(by_hand, made=made, body=body)
        )
        return hand, partial(as_workflow, made=made, text=text)

    return pair


# ---- loading -------------------------------------------------------------------------------------


def steps(n: int) -> str:
    """A workflow of n steps, a tenth of them with conditions."""
    lines = ["steps:"]
    for i in range(n):
        condition = f"{{flux: if, condition: domain.n > {i}, then: tick}}"
        lines.append(f"  - {condition if i % 10 == 0 else 'tick'}")
    return "\n".join(lines)


def loading(made: TheusEngine[Any], n: int) -> Side:
    """Load a workflow of n steps, as often as it takes for so many steps."""
    text = steps(n)

    def timed(total: int) -> int:
        start = perf_counter_ns()
        for _ in range(total // n):
            made.start_workflow(text)
        return perf_counter_ns() - start

    return timed


def load(_unroll: int) -> tuple[Side, Side]:
    """A thousand steps, and ten thousand."""
    made = engine(1)
    return loading(made, 1_000), loading(made, 10_000)


# ---- the table -----------------------------------------------------------------------------------


def measured(what: str, against: str, pair: Pair, n: int, goal: float | None = None) -> Result:
    """One line; what cannot be unrolled is measured once."""
    base, theus, ratio = common.measure(*pair(1), n)
    return Result(what, against, base, theus, ratio, ratio, goal)


def results() -> Iterator[Result]:
    """Measure."""
    hand = "the same loop in Python"
    yield measured("while, one field, an empty process", hand, loops("domain.n < 3", 1), TURNS, 1.5)
    yield measured("while, two fields", hand, loops("domain.n < 3 and domain.m < 3", 1), TURNS)
    yield measured("while, three empty processes", hand, loops("domain.n < 3", 3), TURNS)
    yield measured("a step of a file of 10,000", "of a file of 1,000", load, 10_000, 1.5)
    for more in SIGNALS:
        yield from more()


SIGNALS: list[Callable[[], Iterator[Result]]] = []
"""The section of signals and machines adds its lines here."""


def main() -> None:
    """Measure, show, and file where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    found = list(results())
    print(table(found))
    if args.markdown:
        update(args.markdown, "bench_flux", markdown(found))


if __name__ == "__main__":
    common.ROUNDS = 7
    main()
