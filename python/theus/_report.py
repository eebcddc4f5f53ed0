"""What lies under heavy_ names, and who owns its memory. ``TheusEngine.heavy_report`` makes it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from theus._grid import Grid
from theus.zones import PREFIX_HEAVY, PREFIX_META, PREFIX_SIGNAL

_HEAD = ("path", "type", "shape", "nbytes", "owner", "exports")
_ATOMS = (str, bytes, int, float, complex, type(None))


@dataclass(frozen=True, slots=True)
class HeavyEntry:
    """One value under a heavy_ name. What a value does not tell is None."""

    path: str
    type: str
    """Its class, and the type of its elements."""
    shape: tuple[int, ...] | None
    nbytes: int | None
    owner: str
    """Class of the object whose memory it is: of a part of an array, that of the whole."""
    exports: int | None
    """How many views of that memory live, where its owner counts them: theus.heavy does."""

    def cells(self) -> tuple[str, ...]:
        """Spell the columns for people."""
        nbytes = None if self.nbytes is None else f"{self.nbytes:,}"
        cells = (self.path, self.type, self.shape, nbytes, self.owner, self.exports)
        return tuple("-" if cell is None else str(cell) for cell in cells)


class HeavyReport(Sequence[HeavyEntry]):
    """A table of what lies under heavy_ names; prints as text, and as HTML in a notebook."""

    def __init__(self, entries: Sequence[HeavyEntry]) -> None:
        self._entries = tuple(entries)

    def __getitem__(self, at: Any) -> Any:
        return self._entries[at]

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return str(self._grid())

    def _repr_html_(self) -> str:
        return self._grid().html()

    def _grid(self) -> Grid:
        return Grid(_HEAD, [entry.cells() for entry in self._entries], nothing="  ".join(_HEAD))


def heavy_report(ctx: object) -> HeavyReport:
    """Walk a context and list what lies under heavy_ names. Reads no element of any of it."""
    return HeavyReport(list(_walk(ctx, "", False, set())))


def _walk(value: object, path: str, heavy: bool, seen: set[int]) -> Iterator[HeavyEntry]:
    """List what is heavy below a value. The first name with a prefix decides for all below it."""
    inside = [] if isinstance(value, _ATOMS) else _parts(value)
    if inside and id(value) in seen:
        return
    if inside:
        seen.add(id(value))
    if heavy and not inside and not isinstance(value, (list, tuple, Mapping)):
        yield _entry(value, path)
    for name, step, part in inside:
        if heavy or not name.startswith(PREFIX_SIGNAL + PREFIX_META):
            below = (path + step).removeprefix(".")
            yield from _walk(part, below, heavy or name.startswith(PREFIX_HEAVY), seen)


def _parts(value: object) -> list[tuple[str, str, object]]:
    """List (name, step of the path, value) of what a container or an object holds."""
    if isinstance(value, Mapping):
        return [
            (key if isinstance(key, str) else "", f"[{_spell(key)}]", part)
            for key, part in list(value.items())
        ]
    if isinstance(value, (list, tuple)):
        return [("", f"[{i}]", part) for i, part in enumerate(list(value))]
    if isinstance(value, (type, ModuleType)):
        return []
    if _memory(value) is not None or hasattr(type(value), "__dlpack__"):
        return []
    fields = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                fields[name] = getattr(value, name)
    return [(name, f".{name}", part) for name, part in fields.items() if name[:1] != "_"]


def _spell(key: object) -> str:
    return (
        '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if isinstance(key, str)
        else repr(key)
    )


def _memory(value: object) -> memoryview | None:
    try:
        return memoryview(value)  # type: ignore[arg-type]
    except Exception:  # it lends none, or not now
        return None


def _entry(value: object, path: str) -> HeavyEntry:
    owner = _owner(value)
    exports = _told(owner, "exports", int)
    shape, nbytes = _told(value, "shape", tuple), _told(value, "nbytes", int)
    memory = _memory(value)
    if memory is not None:
        shape, nbytes = memory.shape, memory.nbytes
        memory.release()
    if isinstance(shape, tuple):
        shape = tuple(int(length) for length in shape)
    dtype = _told(value, "dtype", object)
    kind = _name(value) if dtype is None else f"{_name(value)} {dtype}"
    return HeavyEntry(path, kind, shape, nbytes, _name(owner), exports)


def _owner(value: object) -> object:
    """Follow what a view says it looks at, down to who has the memory."""
    for _ in range(32):
        below = _told(value, "obj" if isinstance(value, memoryview) else "base", object)
        if below is None or below is value or callable(below):
            break
        value = below
    return value


def _told(value: object, name: str, kind: type) -> Any:
    """Ask a value for a property of its class; whatever goes wrong, it has none."""
    if not hasattr(type(value), name):
        return None
    try:
        told = getattr(value, name)
    except Exception:  # the value is a stranger: its mistakes are not the report's
        return None
    return told if isinstance(told, kind) else None


def _name(value: object) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
