"""The stupid twin of the kernel: what a run of processes does to state, in plain Python.

It saves every object before a process starts and puts each back in place when the process fails.
That copies the whole world for each run, which the kernel must not do, and is obviously right,
which the kernel has to be shown to be. Both run the same programs; ``fingerprint`` compares what
they leave, ``read`` what a program sees on the way.
"""

import copy
import enum
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

SCALARS = (type(None), bool, int, float, str, bytes)
MEMORY = (bytearray, array)
Body: TypeAlias = Callable[[Any], Any]


class Plain:
    """An object with an instance dict."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def __repr__(self) -> str:
        return f"Plain(**{vars(self)!r})"


@dataclass
class Data:
    """A dataclass: fields with values of their own and one on the class."""

    a: Any = 0
    b: list[Any] = field(default_factory=list)


class Slots:
    """An object without an instance dict. A slot may be empty."""

    __slots__ = ("a", "b", "c")

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"Slots(**{fields_of(self)!r})"


NAMES = ("a", "b", "c", "d")  # what programs call a field


def fields_of(value: Any) -> dict[str, Any]:
    """The fields an object has of its own, sorted: their order has no meaning."""
    if isinstance(value, Slots):
        return fields_seen(value)
    if isinstance(value, type | ModuleType | FunctionType | enum.Enum):
        return {}
    return dict(sorted(getattr(value, "__dict__", {}).items()))


def fields_seen(value: Any) -> dict[str, Any]:
    """The fields of an object, or of a view of one, that a program can read."""
    return {name: getattr(value, name) for name in NAMES if hasattr(value, name)}


class Planned(Exception):
    """The failure that programs raise on purpose; declared in every contract."""


class Twin:
    """State, and processes run on it as theus promises to run them."""

    def __init__(self, store: Any, given: Any) -> None:
        self.ctx = Plain(domain=Plain(store=store), global_ctx=Plain(given=given))
        self.held: list[Any] = []  # what the running program keeps a hand on

    def run(self, body: Body) -> Any:
        """Run body as a process: inside another one it is a savepoint of it."""
        before = list(saved(self.ctx, *self.held))
        mark = len(self.held)
        try:
            return body(self.ctx)
        except BaseException:
            for restore in before:
                restore()
            raise
        finally:
            del self.held[mark:]

    @staticmethod
    def stored(value: Any) -> Any:
        """What is stored when a value of an input is: a copy of its own."""
        return copy.deepcopy(value)


def saved(*roots: Any) -> Iterator[Callable[[], None]]:
    """For every mutable object that can be reached, a function that puts its contents back."""
    for value in reachable(*roots):
        if isinstance(value, (list, *MEMORY)):
            yield lambda value=value, old=value[:]: value.__setitem__(slice(None), old)
        elif isinstance(value, dict):
            yield lambda value=value, old=dict(value): (value.clear(), value.update(old))
        elif not isinstance(value, tuple):
            fields = fields_of(value)
            yield lambda value=value, old=fields: put_back(value, old)


def put_back(value: Any, fields: dict[str, Any]) -> None:
    """Give an object exactly these fields."""
    for name in set(fields_of(value)) - set(fields):
        delattr(value, name)
    for name, each in fields.items():
        setattr(value, name, each)


def reachable(*roots: Any) -> Iterator[Any]:
    """Every container and object below the roots, once each, always in the same order."""
    seen: set[int] = set()
    rest = list(reversed(roots))
    while rest:
        value = rest.pop()
        if not isinstance(value, SCALARS) and id(value) not in seen:
            seen.add(id(value))
            yield value
            rest.extend(reversed(children(value)))


def children(value: Any) -> list[Any]:
    """What a value holds, in order. Keys are plain and have no children."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else list(fields_of(value).values())


def numbered(*roots: Any) -> dict[int, int]:
    """Each object that can be reached by its identity, numbered. The caller keeps them alive."""
    return {id(value): number for number, value in enumerate(reachable(*roots))}


def fingerprint(value: Any, known: dict[int, int], seen: dict[int, int] | None = None) -> Any:
    """All there is to say about a value: types, values, order of keys, aliases, identities.

    Objects of ``known`` have their number, so that a copy never looks like the original; others
    are numbered as they are met. A tuple has no identity: it cannot change.
    """
    seen = {} if seen is None else seen
    if isinstance(value, SCALARS):
        return type(value).__name__, value
    name: Any = type(value).__name__
    if not isinstance(value, tuple):
        if id(value) in seen:
            return "again", seen[id(value)]
        seen[id(value)] = len(seen)
        name = name, known.get(id(value), "new")
    if isinstance(value, MEMORY):
        return name, getattr(value, "typecode", "B"), bytes(value)
    if isinstance(value, list | tuple):
        return name, [fingerprint(each, known, seen) for each in value]
    pairs = value if isinstance(value, dict) else fields_of(value)
    return name, [(typed(key), fingerprint(each, known, seen)) for key, each in pairs.items()]


def typed(key: Any) -> Any:
    """A key with its type: 1, True and "1" are three keys."""
    return type(key).__name__, [typed(each) for each in key] if isinstance(key, tuple) else key


def read(value: Any, depth: int = 5) -> Any:
    """What a program sees of a value through the operations of its type, so deep."""
    if isinstance(value, SCALARS):
        return type(value).__name__, value
    if isinstance(value, MEMORY):
        return value.__class__.__name__, len(value), list(map(repr, value))
    if depth == 0:
        return "..."
    if isinstance(value, list | tuple):
        return value.__class__.__name__, [read(each, depth - 1) for each in value]
    pairs = value if isinstance(value, dict) else fields_seen(value)
    return value.__class__.__name__, [
        (typed(key), read(each, depth - 1)) for key, each in pairs.items()
    ]
