"""Signals: fields whose name begins with ``sig_`` or ``cmd_``, on their way from a commit to a bus.

A field is at rest while it is falsy or has its default. A commit that leaves it otherwise, having
written it, publishes it once: as the event of its field's name, in the order of the last writes.
"""

import dataclasses
import inspect
import logging
from collections.abc import Callable
from typing import Any

from theus import _kernel

_log = logging.getLogger("SignalBus")

Way = tuple[str | tuple[Any], ...]
"""From the root of the context: an attribute is its name, an item is ``(key,)``."""


class Signal(str):
    """An event that a process caused by writing a field; it equals the name of the field.

    Attributes:
        value: what the field was set to.
        process: who wrote it.
        version: the commit that published it.
    """

    __slots__ = ("owner", "process", "value", "version", "way")

    value: Any
    process: str
    version: int
    owner: type
    way: Way

    @property
    def path(self) -> str:
        """Where the field is."""
        first, *rest = self.way
        return f"{first}" + "".join(_spelled(step) for step in rest)


def _spelled(step: str | tuple[Any]) -> str:
    """A step as the kernel prints it."""
    if isinstance(step, str):
        return f".{step}"
    return f'["{step[0]}"]' if isinstance(step[0], str) else f"[{step[0]!r}]"


def signals_of(commit: _kernel.Commit) -> list[Signal]:
    """What a commit publishes."""
    last: dict[Way, tuple[object, _kernel.DeltaEntry]] = {}
    for write in commit.writes:
        if write.signal is not None:
            owner, way = write.signal
            last.pop(way, None)  # the order is that of the last write of each
            last[way] = (owner, write)
    published = []
    for way, (owner, write) in last.items():
        name = way[-1] if isinstance(way[-1], str) else way[-1][0]
        value = _value(owner, way[-1], write)
        if not _rests(value, owner, name):
            published.append(_signal(name, value, way, owner, write, commit))
    return published


def _signal(
    name: str, value: Any, way: Way, owner: object, write: _kernel.DeltaEntry, commit: Any
) -> Signal:
    signal = Signal(name)
    signal.value, signal.way, signal.owner = value, way, type(owner)
    signal.process, signal.version = commit.process, commit.version
    return signal


def _value(owner: object, step: str | tuple[Any], write: _kernel.DeltaEntry) -> Any:
    """What the field has after the commit: what was written or, below it, what it now holds."""
    key = step if isinstance(step, str) else step[0]
    if write.target is owner and write.key == key:
        return write.value if write.op in ("SET", "SET_ITEM") else None
    if isinstance(step, str):
        return getattr(owner, step, None)
    try:
        return owner[key]  # type: ignore[index]
    except (LookupError, TypeError):
        return None


def _rests(value: object, owner: object, name: str) -> bool:
    try:
        return not value or bool(value == default_of(type(owner), name))
    except Exception:  # an array has no truth and no equality; it is there, so it speaks
        return value is None


def default_of(owner: type, name: str) -> Any:
    """The default of a field of a class: that of a dataclass, of pydantic, or of the class itself.

    None where there is none.

    >>> @dataclasses.dataclass
    ... class Plant:
    ...     sig_stop: bool = False
    ...     sig_log: list[str] = dataclasses.field(default_factory=list)
    >>> default_of(Plant, "sig_stop"), default_of(Plant, "sig_log"), default_of(dict, "sig_x")
    (False, [], None)
    """
    declared = getattr(owner, "__dataclass_fields__", {}).get(name)
    if declared is not None:
        if declared.default is not dataclasses.MISSING:
            return declared.default
        factory = declared.default_factory
        return None if factory is dataclasses.MISSING else factory()
    modelled = getattr(owner, "model_fields", {}).get(name)
    if modelled is not None:
        value = modelled.get_default(call_default_factory=True)
        return None if type(value).__name__ == "PydanticUndefinedType" else value
    found = inspect.getattr_static(owner, name, None)
    return None if hasattr(type(found), "__get__") else found


def reset(edit: Callable[[], Any], signal: Signal) -> None:
    """Put the field of a signal to rest, in a transaction. What is gone meanwhile stays so."""
    try:
        with edit() as ctx:
            at = ctx
            for step in signal.way[:-1]:
                at = getattr(at, step) if isinstance(step, str) else at[step[0]]
            last = signal.way[-1]
            if isinstance(last, str):
                setattr(at, last, default_of(signal.owner, last))
            elif last[0] in at:
                at[last[0]] = None
    except (AttributeError, LookupError):
        _log.debug("%s is gone; nothing is reset", signal.path)
