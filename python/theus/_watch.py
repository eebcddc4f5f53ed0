"""What was committed, kept as text for a person to look at: ``TheusEngine.watch``."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from theus._grid import Grid, shorten
from theus._kernel import Commit
from theus.zones import ContextZone, resolve_zone

_HEAD = ("path", "operation", "was", "is")
_PAINT = {"was": "old", "is": "new", "operation": "dim"}


@dataclass(frozen=True, slots=True)
class Change:
    """One write of a commit, as text: values change later, what was seen does not."""

    path: str
    operation: str
    was: str
    now: str


@dataclass(frozen=True)
class Diff:
    """A commit and its changes; prints as a table, and as one in a notebook."""

    version: int
    process: str
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return str(self._grid())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._grid().html()

    def _grid(self) -> Grid:
        rows = [(each.path, each.operation, each.was, each.now) for each in self.changes]
        return Grid(_HEAD, rows, f"commit {self.version} by {self.process}", _PAINT)


class Watch:
    """The newest commits of an engine as diffs, from the moment it began to watch.

    ``last`` is the newest one, None before there is any. A notebook shows all it holds; so does
    printing it.
    """

    def __init__(self, most: int) -> None:
        self._diffs: deque[Diff] = deque(maxlen=most)

    def __iter__(self) -> Iterator[Diff]:
        return iter(tuple(self._diffs))

    def __len__(self) -> int:
        return len(self._diffs)

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self)) or "no commit yet"

    def _repr_html_(self) -> str:
        return "".join(diff._repr_html_() for diff in self) or "<p>no commit yet</p>"

    @property
    def last(self) -> Diff | None:
        """The newest commit."""
        return self._diffs[-1] if self._diffs else None

    def _seen(self, commit: Commit) -> None:
        changes = []
        for write in commit.writes:
            heavy = resolve_zone(write.path) is ContextZone.HEAVY
            show = _kind if heavy else _value
            changes.append(Change(write.path, write.op, show(write.old_value), show(write.value)))
        self._diffs.append(Diff(commit.version, commit.process, tuple(changes)))


def _kind(value: object) -> str:
    return "" if value is None else f"<{type(value).__name__}>"


def _value(value: object) -> str:
    return "" if value is None else shorten(value)
