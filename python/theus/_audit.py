"""What an audit has to say: events, the log that holds them, and the loggers that hear them."""

import inspect
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from theus._grid import Grid

if TYPE_CHECKING:
    from theus._kernel import Engine

LEVELS = ("", "I", "C", "B", "A", "S")  # by their numbers in theus.h
OUTCOMES = ("", "acted", "warned", "counted")
_SHOWN = 20
_GATES = ("input", "output")
_HEARD_AS = {
    "I": logging.INFO,
    "C": logging.WARNING,
    "B": logging.ERROR,
    "A": logging.ERROR,
    "S": logging.CRITICAL,
}


@dataclass(frozen=True)
class AuditEvent:
    """One violation that counted.

    Attributes:
        serial: counts the events of an engine from 1.
        time: when it was judged, in UTC.
        process, gate, field, condition, limit, level: the rule; the limit as Python prints it.
        path: of the value: the field, or what violated below its wildcards.
        value: as Python prints it, cut where it is long.
        outcome: ``"acted"``; ``"warned"``, early; or ``"counted"``, and nothing else.
        count: of violations since the rule last acted or passed, this one included.
        text: the message, which is also that of the exception.
        place: file:line:column of the rule.
    """

    serial: int
    time: datetime
    process: str
    gate: str
    field: str
    condition: str
    limit: str
    level: str
    path: str
    value: str
    outcome: str
    count: int
    text: str
    place: str


class AuditLog:
    """The newest 1000 events of an engine, the oldest first.

    It is what ``engine.audit_log`` gives: iterate over it, or ask it.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def __iter__(self) -> Iterator[AuditEvent]:
        return iter(self.query())

    def __len__(self) -> int:
        _, total, lost = self._engine._audit_log("", "", 0, 0, 0, 1)
        return total - lost

    def __repr__(self) -> str:
        return str(self._grid())

    def _repr_html_(self) -> str:
        return self._grid().html()

    def _grid(self) -> Grid:
        rows = [
            (
                str(event.serial),
                f"{event.time:%H:%M:%S}",
                event.level,
                event.outcome,
                event.process,
                event.path,
                event.value,
                f"{event.condition} {event.limit}",
            )
            for event in self.query(most=_SHOWN)
        ]
        head = ("#", "time", "level", "outcome", "process", "path", "value", "rule")
        events = "1 event" if self.total == 1 else f"{self.total} events"
        title = f"audit log, {events}" + (f", {self.lost} lost" if self.lost else "")
        below = f"the newest {_SHOWN} of {len(self)}" if len(self) > _SHOWN else ""
        return Grid(head, rows, title, {"level": "mark", "value": "old"}, "no event", below)

    @property
    def total(self) -> int:
        """How many events there ever were."""
        return self._engine._audit_log("", "", 0, 0, 0, 1)[1]

    @property
    def lost(self) -> int:
        """How many of them are no longer held."""
        return self._engine._audit_log("", "", 0, 0, 0, 1)[2]

    def query(
        self,
        *,
        process: str = "",
        path: str = "",
        level: str = "",
        outcome: str = "",
        after: int = 0,
        most: int = 0,
    ) -> list[AuditEvent]:
        """The events that fit all that is said.

        Args:
            process: of this process.
            path: at this path or below it; it may have wildcards.
            level: of this level, S, A, B, C or I.
            outcome: ``"acted"``, ``"warned"`` or ``"counted"``.
            after: only those with a larger serial.
            most: only so many, the newest; 0 is all.

        Raises ValueError for an unknown level or outcome, ContractDefinitionError for a path that
        is none.
        """
        numbers = _number(LEVELS, "level", level), _number(OUTCOMES, "outcome", outcome)
        found, _, _ = self._engine._audit_log(process, path, *numbers, after, most)
        return [_event(*each) for each in found]

    def export(self, to: str | os.PathLike[str] | IO[str], *, after: int = 0) -> int:
        """Write the events that are held as JSON lines, the oldest first; return how many.

        Args:
            to: a path, which is appended to, or a file that is open for text.
            after: only events with a larger serial, so that a program can go on where it was.
        """
        if isinstance(to, str | os.PathLike):
            with Path(to).open("a", encoding="utf-8") as file:
                return self.export(file, after=after)
        events = self.query(after=after)
        for event in events:
            said = {**asdict(event), "time": event.time.isoformat()}
            to.write(json.dumps(said, ensure_ascii=False) + "\n")
        return len(events)


def _number(words: tuple[str, ...], what: str, word: str) -> int:
    if word not in words:
        raise ValueError(f"{word!r} is no {what}; there are {', '.join(words[1:])}")
    return words.index(word)


def _event(
    serial: int, stamp: int, gate: int, level: int, outcome: int, count: int, *texts: str
) -> AuditEvent:
    process, field, path, condition, limit, value, text, place = texts
    return AuditEvent(
        serial,
        datetime.fromtimestamp(stamp / 1e9, UTC),
        process,
        _GATES[gate],
        field,
        condition,
        limit,
        LEVELS[level],
        path,
        value,
        OUTCOMES[outcome],
        count,
        text,
        place,
    )


def tell(event: AuditEvent) -> None:
    """Hand an event to the logger POP_AUDIT, and to the handlers of theus.audit and theus.

    The second are called by themselves, so that the root logger hears each event once.
    """
    if event.outcome == "acted":
        level, text = _HEARD_AS[event.level], event.text
    elif event.outcome == "warned":
        level, text = logging.WARNING, f"early warning: {event.text}"
    else:
        level, text = logging.DEBUG, event.text
    extra = {"audit": event}
    logging.getLogger("POP_AUDIT").log(level, "%s", text, extra=extra)
    logger: logging.Logger | None = logging.getLogger("theus.audit")
    if logger is None or not logger.isEnabledFor(level):
        return
    record = logger.makeRecord(logger.name, level, __file__, 0, "%s", (text,), None, "tell", extra)
    while logger is not None and logger.parent is not None:
        for handler in logger.handlers:
            if level >= handler.level:
                handler.handle(record)
        logger = logger.parent if logger.propagate else None


def parameters(func: Callable[..., Any]) -> tuple[dict[str, Any], tuple[str, ...], bool]:
    """(defaults by name, names without one, whether any name is taken), without ctx.

    The names are those that func itself takes; defaults of what it wraps are known too. Called by
    the extension.
    """
    own = _taken(func)
    inner = inspect.unwrap(func)
    defaults = {} if inner is func else _taken(inner)[0]
    return {**defaults, **own[0]}, own[1], own[2]


def _taken(func: Callable[..., Any]) -> tuple[dict[str, Any], tuple[str, ...], bool]:
    code = getattr(func, "__code__", None)
    if code is None:
        listed = list(inspect.signature(func).parameters.values())[1:]
        named = [
            each for each in listed if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        ]
        return (
            {each.name: each.default for each in named if each.default is not each.empty},
            tuple(each.name for each in named if each.default is each.empty),
            any(each.kind is each.VAR_KEYWORD for each in listed),
        )
    positional = code.co_varnames[: code.co_argcount]
    keyword = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    given = getattr(func, "__defaults__", None) or ()
    defaults = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
    defaults.update(getattr(func, "__kwdefaults__", None) or {})
    skip = positional[:1]  # ctx
    return (
        {name: value for name, value in defaults.items() if name not in skip},
        tuple(name for name in (*positional[1:], *keyword) if name not in defaults),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
    )
