"""``freeze``: a picture of a context that can be compared later, and says what is different."""

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any

from theus._report import _memory, _spell
from theus.zones import PREFIX_HEAVY

_LOCK = "_lock_manager"  # the engine's, on contexts that it protects


@dataclass(frozen=True, slots=True)
class Fact:
    """What stands at one path: a text for people, and what is compared."""

    shown: str
    exact: object


class Picture:
    """All there is to say about a context: values, types, order of keys, identities.

    Two pictures are equal where nothing changed in between. Lists, dicts and objects count as
    changed when another one stands in their place, even an equal one. It keeps those it saw alive,
    and copies no array: of memory it keeps a digest.
    """

    def __init__(self, facts: dict[str, Fact], kept: list[object]) -> None:
        self._facts = facts
        self._kept = kept  # an identity means something only while the object lives

    def __eq__(self, other: object) -> bool:
        return self._facts == other._facts if isinstance(other, Picture) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<picture of {len(self._facts)} values>"

    def changes(self, later: object) -> list[str]:
        """Say what is different later, a line a path.

        Args:
            later: another picture, or the context itself as it is now.

        >>> from theus import BaseDomainContext, BaseSystemContext
        >>> ctx = BaseSystemContext(None, BaseDomainContext())
        >>> ctx.domain.stock = [1, 2]
        >>> before = freeze(ctx)
        >>> ctx.domain.stock.append(3)
        >>> ctx.domain.stock[0] = "one"
        >>> print(*before.changes(ctx), sep="\\n")
        domain_ctx.stock: list of 2 -> list of 3
        domain_ctx.stock[0]: 1 -> 'one'
        domain_ctx.stock[2]: new, 3
        """
        after = later if isinstance(later, Picture) else freeze(later)
        lines = []
        for path in dict.fromkeys((*self._facts, *after._facts)):
            old, new = self._facts.get(path), after._facts.get(path)
            if old == new:
                continue
            where = path or "the context"
            if old is None and new is not None:
                lines.append(f"{where}: new, {new.shown}")
            elif new is None and old is not None:
                lines.append(f"{where}: gone, it was {old.shown}")
            elif old is not None and new is not None:
                same = old.shown == new.shown
                lines.append(
                    f"{where}: {old.shown}" + (", another one" if same else f" -> {new.shown}")
                )
        return lines


def freeze(context: object) -> Picture:
    """Take a picture of a context, or of any part of one.

    What lies under ``heavy_`` names is left out, since no rollback covers it. Raises nothing.

    >>> from theus import BaseDomainContext, BaseSystemContext
    >>> ctx = BaseSystemContext(None, BaseDomainContext())
    >>> before = freeze(ctx)
    >>> ctx.domain.count = 1
    >>> before == freeze(ctx)
    False
    """
    facts: dict[str, Fact] = {}
    kept: list[object] = []
    # A loop, not a recursion: a context may be deeper than the stack.
    rest = deque([("", context)])
    seen: dict[int, str] = {}
    while rest:
        path, value = rest.popleft()
        fact, parts = _look(value)
        kept.append(value)
        if parts is not None and not isinstance(value, tuple):
            if id(value) in seen:
                fact = Fact(f"the same as {seen[id(value)] or 'the context'}", id(value))
                parts = []
            seen.setdefault(id(value), path)
        facts[path] = fact
        rest.extend(((path + step).removeprefix("."), part) for step, part in parts or ())
    return Picture(facts, kept)


def _look(value: object) -> tuple[Fact, list[tuple[str, object]] | None]:
    """What to note about a value, and the parts in it; None where it has no identity to note."""
    kind = type(value).__name__
    if isinstance(value, Mapping):
        pairs = [(f"[{_spell(key)}]", part) for key, part in value.items() if not _is_heavy(key)]
        order = [step for step, _ in pairs]
        return Fact(f"{kind} of {len(pairs)}", (id(value), type(value), order)), pairs
    if isinstance(value, list | tuple | deque):
        parts = [(f"[{i}]", part) for i, part in enumerate(value)]
        identity = None if isinstance(value, tuple) else id(value)
        return Fact(f"{kind} of {len(parts)}", (identity, type(value), len(parts))), parts
    if isinstance(value, AbstractSet):
        shown = f"{kind} of {', '.join(sorted(map(repr, value))) or 'nothing'}"
        return Fact(_cut(shown), (id(value), type(value), frozenset(value))), []
    if isinstance(value, type | ModuleType | FunctionType | Enum):
        return Fact(_text(value), id(value)), None
    if not isinstance(value, str | bytes) and (memory := _memory(value)) is not None:
        with memory:
            digest = hashlib.sha256(memory.tobytes()).hexdigest()
            exact = (id(value), type(value), memory.format, memory.shape, digest)
        return Fact(f"{kind} with the bytes {digest[:8]}", exact), []
    fields = [(f".{name}", part) for name, part in _fields(value)]
    if fields or hasattr(value, "__dict__"):
        return Fact(kind, (id(value), type(value), [step for step, _ in fields])), fields
    if type(value).__repr__ is object.__repr__:
        return Fact(kind, id(value)), []
    return Fact(_text(value), (type(value), repr(value))), None


def _fields(value: object) -> Iterator[tuple[str, Any]]:
    """The fields of an object by name, sorted: their order has no meaning."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                found[name] = getattr(value, name)
    for name in sorted(found, key=str):
        if name != _LOCK and not _is_heavy(name):
            yield name, found[name]


def _is_heavy(name: object) -> bool:
    return isinstance(name, str) and name.startswith(PREFIX_HEAVY)


def _text(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    """A text that does not fill the screen."""
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
