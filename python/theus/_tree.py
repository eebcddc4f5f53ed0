"""A context as a tree: what is in it, in which zone, and who may read and write it."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from theus._grid import Grid, shorten
from theus._report import _ATOMS, _memory, _parts
from theus.zones import PREFIX_HEAVY, PREFIX_META, PREFIX_SIGNAL

if TYPE_CHECKING:
    from theus._kernel import Engine

_ZONES = {**dict.fromkeys(PREFIX_SIGNAL, "SIGNAL"), **dict.fromkeys(PREFIX_META, "META")}
_ZONES |= dict.fromkeys(PREFIX_HEAVY, "HEAVY")
_FEW = 4  # parts of a list or dict that are shown
_MOST = 200  # lines
_DEEP = 6  # levels

Rights = Callable[[str], str]


class ContextTree:
    """What a context holds, a line each; prints as text, and as a table in a notebook.

    Long lists and dicts are cut, and say by how much. Nothing under ``heavy_`` is looked into.
    """

    def __init__(self, context: object, rights: Rights | None = None, column: str = "") -> None:
        self._context = context
        self._rights = rights
        self._column = column

    def __repr__(self) -> str:
        return str(self._grid())

    def _repr_html_(self) -> str:
        return self._grid().html()

    def _grid(self) -> Grid:
        head = ["", "type", "value", "zone"] + ([self._column] if self._rights else [])
        rows = []
        for bars, name, path, value, zone in _lines(self._context):
            row = [bars + name, _kind(value), _shown(value, zone), zone]
            if self._rights:
                row.append(self._rights(path) if path else "")
            rows.append(row)
            if len(rows) == _MOST:
                break
        below = "cut after so many lines" if len(rows) == _MOST else ""
        return Grid(head, rows, paint={"zone": "mark", "type": "dim"}, below=below)


def engine_tree(engine: "Engine[Any]", names: list[str], column: str) -> ContextTree:
    """The tree of an engine's context, with what the processes of these names may do."""

    def rights(path: str) -> str:
        found = {name: _right(engine._permission(name, path)[0]) for name in names}
        held = [f"{name} {right}" for name, right in found.items() if right]
        return found[column] if column else ", ".join(held)

    return ContextTree(engine.ctx, rights, column or "processes")


def _right(bits: int) -> str:
    """A permission in one letter; the bits are those of theus.h."""
    return "w" if bits & 2 else "r" if bits & 1 else ""


Line = tuple[str, str, str, Any, str]


def _lines(context: object) -> Iterator[Line]:
    """(bars of the tree, name, path, value, zone) from the root down."""
    yield "", type(context).__name__, "", context, ""
    yield from _below(context, "", "", "", {id(context)}, _DEEP)


def _below(
    value: object, bars: str, path: str, zone: str, above: set[int], deep: int
) -> Iterator[Line]:
    """The lines for the parts of a value; what is in above holds it, and is not opened again."""
    parts = _inside(value)
    for at, (name, step, part) in enumerate(parts[:_FEW] if _is_container(value) else parts):
        last = at == len(parts) - 1
        where = (path + step).removeprefix(".")
        own = zone or next((_ZONES[p] for p in _ZONES if name.startswith(p)), "")
        shown = name if step.startswith(".") else step
        yield bars + ("└─ " if last else "├─ "), shown, where, part, own
        if deep and own != "HEAVY" and id(part) not in above:
            indent = bars + ("   " if last else "│  ")
            yield from _below(part, indent, where, own, above | {id(part)}, deep - 1)
    if _is_container(value) and len(parts) > _FEW:
        yield bars + "└─ ", f"... {len(parts) - _FEW} more", "", _NOTHING, zone


def _inside(value: object) -> list[tuple[str, str, object]]:
    if isinstance(value, _ATOMS) or (_is_container(value) and all(map(_is_atom, _values(value)))):
        return []  # a container of plain values is one line
    return _parts(list(value) if isinstance(value, deque) else value)


def _values(value: Any) -> list[object]:
    return list(value.values() if isinstance(value, Mapping) else value)


def _is_container(value: object) -> bool:
    return isinstance(value, list | tuple | deque | Mapping)


def _is_atom(value: object) -> bool:
    return isinstance(value, _ATOMS)


class _Nothing:
    """What a line holds that only counts what is left out."""


_NOTHING = _Nothing()


def _kind(value: object) -> str:
    if value is _NOTHING or value is None:
        return ""
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return type(value).__name__
    try:
        return f"{type(value).__name__} of {len(value)}"
    except Exception:  # such as an array of no dimension
        return type(value).__name__


def _shown(value: object, zone: str) -> str:
    if value is _NOTHING:
        return ""
    memory = None if isinstance(value, _ATOMS) else _memory(value)
    if memory is not None:
        with memory:
            shape = "x".join(map(str, memory.shape or ()))
            return f"{memory.format} {shape}, {memory.nbytes:,} bytes"
    if zone == "HEAVY" or _inside(value) or type(value).__repr__ is object.__repr__:
        return ""
    return shorten(value)
