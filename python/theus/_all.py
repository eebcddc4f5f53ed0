"""run_all: processes side by side, as far as their contracts allow."""

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from theus._kernel import Engine

Call: TypeAlias = str | tuple[str, Mapping[str, Any]]
"""The name of a process, or that and its arguments."""


def parsed(calls: Iterable[Call]) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments. Raises TypeError for anything else.

    >>> parsed(["tick", ("pay", {"amount": 3})])
    [('tick', {}), ('pay', {'amount': 3})]
    """
    if isinstance(calls, str):
        raise TypeError(f"run_all takes a list of processes, not {calls!r}; write [{calls!r}]")
    made: list[tuple[str, dict[str, Any]]] = []
    for call in calls:
        if isinstance(call, str):
            made.append((call, {}))
            continue
        match call:
            case (str(name), dict(arguments)):
                made.append((name, arguments))
            case _:
                raise TypeError(
                    f"run_all takes names, or pairs of a name and a dict of arguments, not {call!r}"
                )
    return made


def earlier(engine: "Engine[Any]", names: list[str]) -> list[set[int]]:
    """For each call, which of those before it have to be over first: the ones it conflicts with."""
    known: dict[tuple[str, str], bool] = {}

    def conflict(a: str, b: str) -> bool:
        if (a, b) not in known:
            known[a, b] = engine._conflict(a, b)
        return known[a, b]

    return [{i for i in range(j) if conflict(names[i], name)} for j, name in enumerate(names)]


def run_all(engine: "Engine[Any]", calls: Iterable[Call], max_workers: int | None) -> list[Any]:
    """Run them, each in a thread, when all that it has to follow are over."""
    made = parsed(calls)
    waiting = dict(enumerate(earlier(engine, [name for name, _ in made])))
    results: list[Any] = [None] * len(made)
    failures: dict[int, BaseException] = {}
    running: dict[Future[Any], int] = {}
    if not made:
        return results
    with ThreadPoolExecutor(max_workers or min(32, len(made)), "theus-run-all") as pool:
        while waiting or running:
            if not failures:  # what has not begun stays where it is after a failure
                for number in [each for each, first in waiting.items() if not first]:
                    del waiting[number]
                    name, arguments = made[number]
                    running[pool.submit(engine.run_process, name, **arguments)] = number
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                for first in waiting.values():
                    first.discard(number)
                if (failure := future.exception()) is not None:
                    failures[number] = failure
                else:
                    results[number] = future.result()
    if failures:
        raise failures[min(failures)]
    return results
