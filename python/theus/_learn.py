"""Learning contracts: engines that let processes do everything, and note what they reach.

While a Recorder is in force every new engine is strict and learns: the kernel gives each place that
a process reaches a shape of its own, and the views mark there what was read whole and what was
written. What has to be declared follows from both.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from theus import _kernel
from theus._binding import steps_of
from theus._process import ProcessContract
from theus.errors import TheusError
from theus.zones import ContextZone, resolve_zone

if TYPE_CHECKING:
    from theus._engine import TheusEngine

_READ, _WRITTEN = 1, 2  # as in shape.did of the extension
# So many keys or indexes of one container, alike below, become one "*". Text keys may be the fields
# of a record, which are named one by one.
_MANY = {int: 3, tuple: 8}


class Contracts(Protocol):
    """Where engines get their contracts from, instead of from the functions."""

    learns: bool

    def take(
        self, engine: "TheusEngine[Any]", name: str, func: Callable[..., Any]
    ) -> tuple[Callable[..., Any], ProcessContract]:
        """The function to run as a process of that name, and its contract."""

    def closing(self, engine: "TheusEngine[Any]") -> None:
        """Hear that an engine is about to end."""


class Recorder:
    """Learns the contracts of all processes of all engines made while it is in force."""

    learns = True

    def __init__(self) -> None:
        self._engines: list[TheusEngine[Any]] = []
        self._reached: dict[str, dict[str, int]] = {}
        self._errors: dict[str, list[type[Exception]]] = {}
        self._effects: dict[str, list[str]] = {}

    def take(
        self, engine: "TheusEngine[Any]", name: str, func: Callable[..., Any]
    ) -> tuple[Callable[..., Any], ProcessContract]:
        """A function that notes which errors leave it; it may do everything."""
        if engine not in self._engines:
            self._engines.append(engine)
        self._reached.setdefault(name, {})
        effects = list(getattr(getattr(func, "_pop_contract", None), "side_effects", ()))
        self._effects[name] = effects
        return self._noting(name, func), ProcessContract([], [], effects, [Exception])

    def closing(self, engine: "TheusEngine[Any]") -> None:
        """Take over what the processes of an engine reached."""
        if engine not in self._engines:
            return
        self._engines.remove(engine)
        document, marks = engine._learned()
        from json import loads  # noqa: PLC0415  import theus does without

        places = loads(document)
        above = {place["above"] for place in places}
        for place in places:
            used = marks[place["shape"]] if place["shape"] < len(marks) else 0
            if place["above"] == 0 or (not used and place["shape"] in above):
                continue  # a way to something else
            for name in place["processes"]:
                reached = self._reached.setdefault(name, {})
                reached[place["path"]] = reached.get(place["path"], 0) | used

    def contracts(self, *, exact: bool = False) -> dict[str, ProcessContract]:
        """The smallest contract of each process, by the order of registration.

        Args:
            exact: list every key and index by itself, instead of ``*`` for many that are alike.
        """
        for engine in list(self._engines):
            self.closing(engine)
        return {
            name: ProcessContract(
                *smallest(reached, exact=exact),
                self._effects.get(name, []),
                list(self._errors.get(name, [])),
            )
            for name, reached in self._reached.items()
        }

    def _noting(self, name: str, func: Callable[..., Any]) -> Callable[..., Any]:
        def noted(error: Exception) -> None:
            started = error.__traceback__ is not None and error.__traceback__.tb_next is not None
            seen = self._errors.setdefault(name, [])
            if started and not isinstance(error, TheusError) and type(error) not in seen:
                seen.append(type(error))

        if inspect.iscoroutinefunction(func):

            @functools.wraps(func)
            async def run_later(*args: Any, **kwargs: Any) -> Any:
                try:
                    return await func(*args, **kwargs)
                except Exception as error:
                    noted(error)
                    raise

            return run_later

        @functools.wraps(func)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                return func(*args, **kwargs)
            except Exception as error:
                noted(error)
                raise

        return run


class Given:
    """Contracts by name, in the place of those that functions have; engines are strict."""

    learns = False

    def __init__(self, contracts: Mapping[str, ProcessContract]) -> None:
        self._contracts = contracts

    def take(
        self, engine: "TheusEngine[Any]", name: str, func: Callable[..., Any]
    ) -> tuple[Callable[..., Any], ProcessContract]:
        """The function itself, with the contract of that name; nothing is allowed without one."""
        return func, self._contracts.get(name, ProcessContract([], []))

    def closing(self, engine: "TheusEngine[Any]") -> None:
        """Nothing is kept of an engine."""


_force: list[Contracts] = []


def in_force() -> Contracts | None:
    """Where engines get their contracts from just now; None: from the functions."""
    return _force[-1] if _force else None


@contextmanager
def instead(contracts: Contracts) -> Iterator[None]:
    """Let engines that are made inside of this get their contracts elsewhere."""
    _force.append(contracts)
    try:
        yield
    finally:
        _force.remove(contracts)


def smallest(reached: Mapping[str, int], *, exact: bool = False) -> tuple[list[str], list[str]]:
    """(inputs, outputs) that allow what was reached, and nothing that was not.

    >>> smallest({"domain_ctx.rate": 0, "domain_ctx.rows": 3, "domain_ctx.rows[0]": 0})
    (['domain.rate'], ['domain.rows'])
    """
    inputs: dict[tuple[Any, ...], None] = {}
    outputs: dict[tuple[Any, ...], None] = {}
    for path, used in reached.items():
        place = _nameable(tuple(steps_of(path)))
        if not place:
            continue
        forbidden = resolve_zone(path) in (ContextZone.SIGNAL, ContextZone.META, ContextZone.HEAVY)
        (outputs if used & _WRITTEN or forbidden else inputs)[place] = None
    written = _without_covered(outputs, outputs)
    read = _without_covered(inputs, {**inputs, **dict.fromkeys(written)})
    if not exact:
        written = _without_covered(_gathered(written), _gathered(written))
        read = _gathered(read)
        read = _without_covered(read, [*read, *written])
    return sorted(map(_spelled, read)), sorted(map(_spelled, written))


def _nameable(place: tuple[Any, ...]) -> tuple[Any, ...]:
    """A place that a contract can name: what a private name belongs to stands for it."""
    for i, step in enumerate(place):
        if str(step[0] if isinstance(step, tuple) else step).startswith("_"):
            return place[:i]
    return place


def _without_covered(
    places: Iterable[tuple[Any, ...]], by: Iterable[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """The places that no other one equals or lies above."""
    above = list(by)
    return [
        place
        for place in dict.fromkeys(places)
        if not any(up != place and _covers(up, place) for up in above)
    ]


def _covers(up: tuple[Any, ...], place: tuple[Any, ...]) -> bool:
    return len(up) <= len(place) and all(
        one in ("*", other) for one, other in zip(up, place, strict=False)
    )


def _gathered(places: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Places with ``*`` for keys and indexes, where many of one container are alike."""
    found = list(places)
    for depth in range(max(map(len, found), default=0)):
        alike: dict[tuple[Any, ...], set[Any]] = {}
        for place in found:
            if depth < len(place) and type(place[depth]) in _MANY:
                key = (type(place[depth]), place[:depth], place[depth + 1 :])
                alike.setdefault(key, set()).add(place[depth])
        many = {key[1:] for key, steps in alike.items() if len(steps) >= _MANY[key[0]]}
        found = list(dict.fromkeys(_starred(place, depth, many) for place in found))
    return found


def _starred(place: tuple[Any, ...], depth: int, many: set[tuple[Any, ...]]) -> tuple[Any, ...]:
    above, below = place[:depth], place[depth + 1 :]
    if depth < len(place) and type(place[depth]) in _MANY and (above, below) in many:
        return (*above, "*", *below)
    return place


def _spelled(place: tuple[Any, ...]) -> str:
    """A place as people write it in a contract."""
    text = ""
    for step in place:
        if isinstance(step, tuple):
            name = step[0]
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            text += f".{name}" if name.isidentifier() else f'["{quoted}"]'
        else:
            text += f"[{step}]" if isinstance(step, int) else f".{step}"
    text = text.removeprefix(".")
    for long, short in (("domain_ctx", "domain"), ("global_ctx", "global")):
        if text == long or text.startswith((f"{long}.", f"{long}[")):
            text = short + text.removeprefix(long)
    assert _kernel.canonical(text)
    return text
