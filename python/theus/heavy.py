"""Memory that the kernel owns, for arrays under a ``heavy_`` name, and how processes share it.

``empty`` and ``zeros`` give pages of memory. Whatever speaks the buffer protocol or DLPack works on
them without a copy; the memory goes when the last view of it dies, and neither moves nor goes
before.

>>> from theus import heavy
>>> frame = heavy.zeros((2, 3), "float32")
>>> memoryview(frame)[1, 2] = 5
>>> memoryview(frame).tolist()
[[0.0, 0.0, 0.0], [0.0, 0.0, 5.0]]
>>> frame
<theus.heavy.Memory float32 (2, 3), 24 bytes, 0 views>

With ``shared=True`` other processes of the same user can map it. Pickling such memory sends where
it is, never its bytes; under a name anybody finds it who knows the name.

>>> weights = heavy.share("weights of the doctest", heavy.zeros(4, "int64", shared=True))
>>> twin = heavy.attach("weights of the doctest")
>>> memoryview(twin)[3] = 7
>>> memoryview(weights).tolist()
[0, 0, 0, 7]

``is_finite`` and ``extremes`` read any array of numbers where it lies, in the kernel, without the
lock of Python and on all cores.

>>> heavy.is_finite(frame), heavy.extremes(frame)
(True, (0.0, 5.0))

The pages belong to those who have them mapped, and to nothing else: when the last of them ends,
however it ends, they are gone. docs/heavy.md tells more.
"""

import errno
import fcntl
import json
import math
import os
import socket
import sys
import weakref
from collections.abc import Iterator, Sequence
from hashlib import sha256
from operator import index
from typing import Any, NoReturn, Self, SupportsIndex

from theus import _kernel
from theus._kernel import extremes, is_finite

__all__ = ["Memory", "attach", "empty", "extremes", "is_finite", "share", "zeros"]

_FORMATS = {
    "bool": "?", "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i",
    "uint32": "I", "int64": "q", "uint64": "Q", "float16": "e", "float32": "f", "float64": "d",
    "complex64": "Zf", "complex128": "Zd",
}  # fmt: skip
_NAMES = {kind: name for name, kind in _FORMATS.items()}
_PYTHON = {"int": "int64", "float": "float64", "complex": "complex128", "bool_": "bool"}
_SHORT = {"b": "int", "i": "int", "u": "uint", "f": "float", "c": "complex"}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_OURS = "<" if sys.byteorder == "little" else ">"

_shared: "weakref.WeakSet[Memory]" = weakref.WeakSet()  # what has a name in this process

Shape = SupportsIndex | Sequence[SupportsIndex]


class Memory(_kernel.Memory):
    """Memory of a shape and an element type. ``empty``, ``zeros`` and ``attach`` make one."""

    __slots__ = ("__weakref__", "_names")

    _names: dict[str, tuple[socket.socket, int]]

    @property
    def dtype(self) -> str:
        """The type of its elements, as numpy names it."""
        return _NAMES[self.format]

    @property
    def shared(self) -> bool:
        """Whether other processes can map it."""
        return self._fd >= 0

    @property
    def names(self) -> tuple[str, ...]:
        """Under which names this object shares it."""
        return tuple(getattr(self, "_names", ()))

    def resize(self, shape: Shape) -> None:
        """Give it another shape; what fits stays, in the order of memory, and what is new is zero.

        Raises:
            BufferError: a view of it lives, or it is shared.
            ValueError: it was freed.
        """
        self._resize(_lengths(shape))

    def free(self) -> None:
        """Give the memory back now, and its names; others that have it mapped keep it.

        Raises:
            BufferError: a view of it lives.
        """
        super().free()
        for name in self.names:
            self.unshare(name)

    def unshare(self, name: str) -> None:
        """Let go of a name: nobody finds the memory by it any more.

        Raises:
            FileNotFoundError: this object does not share it under that name.
        """
        if name not in self.names:
            raise FileNotFoundError(errno.ENOENT, "this memory does not have the name", name)
        lock, record = self._names.pop(name)
        os.close(record)
        lock.close()

    def __del__(self) -> None:
        for name in self.names:
            self.unshare(name)

    def __repr__(self) -> str:
        if self.freed:
            return f"<theus.heavy.Memory {self.dtype} {self.shape}, freed>"
        views = "1 view" if self.exports == 1 else f"{self.exports} views"
        extra = ", shared" * self.shared + ", read-only" * self.readonly
        return (
            f"<theus.heavy.Memory {self.dtype} {self.shape}, {self.nbytes} bytes, {views}{extra}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.shared:
            raise TypeError(
                "private memory has no handle to pickle: allocate it with shared=True, or pickle "
                "a copy of its bytes"
            )
        file = os.fstat(self._fd)
        place = os.getpid(), _started(os.getpid()), self._fd, file.st_dev, file.st_ino
        return _open, (*place, self.shape, self.format, self.readonly)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copied = type(self)(self.shape, self.format)
        with memoryview(copied) as into, memoryview(self) as source:
            if self.nbytes:
                into.cast("B")[:] = source.cast("B")
        memo[id(self)] = copied
        return copied


def empty(shape: Shape, dtype: Any = "float64", *, shared: bool = False) -> Memory:
    """Memory of a shape, for who will overwrite all of it.

    Args:
        shape: a length, or several.
        dtype: a name such as ``"float32"``, or what numpy calls so: ``np.float32``, ``a.dtype``.
        shared: whether other processes shall be able to map it. Costs a file descriptor.

    Raises:
        ValueError: a length is negative, or memory cannot have such elements.
        MemoryError: there is not so much.
    """
    return zeros(shape, dtype, shared=shared)


def zeros(shape: Shape, dtype: Any = "float64", *, shared: bool = False) -> Memory:
    """Memory of a shape, all zero. As ``empty``, whose pages come from the system as zeros too."""
    lengths, kind = _lengths(shape), _format(dtype)
    if not shared:
        return Memory(lengths, kind)
    size = math.prod(lengths) * _kernel.Memory((), kind).itemsize
    if min(lengths, default=0) < 0 or size > sys.maxsize:
        return Memory(lengths, kind)  # which says what is wrong
    fd = os.memfd_create("theus-heavy", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)  # who maps it can rely on its size
        return Memory(lengths, kind, fd)
    except BaseException:
        os.close(fd)
        raise


def share(name: str, memory: Memory) -> Memory:
    """Let other processes of this user find shared memory by a name, as long as it lives here.

    Args:
        name: any text that is not empty.
        memory: what was made with ``shared=True``.

    Returns:
        The same memory.

    Raises:
        FileExistsError: the name is taken, by this process or another.
        ValueError: the name is empty; the memory is private, or was freed.
    """
    where = _address(name)
    if not memory.shared:
        raise ValueError(f"{memory!r} is private: allocate it with shared=True")
    # Binding is what makes the name unique, and the system unbinds whatever happens to us.
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind("\0" + where)
    except OSError as error:
        lock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise FileExistsError(
            errno.EEXIST, "heavy memory is shared under this name", name
        ) from None
    try:
        record = _write(where, memory)
    except BaseException:
        lock.close()
        raise
    if not memory.names:
        memory._names = {}
    memory._names[name] = lock, record
    _shared.add(memory)
    return memory


def attach(name: str, *, readonly: bool = False) -> Memory:
    """Map what a process of this user shares under a name.

    Args:
        name: as it was given to ``share``.
        readonly: map it so that writing is impossible.

    Raises:
        FileNotFoundError: nobody shares memory under this name now.
        ValueError: the name is empty.
    """
    where = _address(name)
    for pid, record in _holders(f"/memfd:{where} (deleted)"):
        try:
            with open(record, encoding="utf-8") as file:
                fd, device, inode, shape, kind, fixed = json.load(file)
            return _map(pid, fd, device, inode, tuple(shape), kind, readonly or fixed)
        except (OSError, TypeError, ValueError):
            continue  # it went meanwhile, or is not what it seems
    raise FileNotFoundError(errno.ENOENT, "no process shares heavy memory under this name", name)


# ---- shapes and types ---------------------------------------------------------------------------


def _lengths(shape: Shape) -> tuple[int, ...]:
    if isinstance(shape, SupportsIndex):
        return (index(shape),)
    return tuple(index(length) for length in shape)


def _format(dtype: Any) -> str:
    """Find the format of an element type by any of its names.

    >>> _format("float32"), _format("<f4"), _format(float), _format("u1"), _format("?")
    ('f', 'f', 'd', 'B', '?')
    """
    name = dtype.__name__ if isinstance(dtype, type) else getattr(dtype, "str", dtype)
    if not isinstance(name, str):
        raise TypeError(f"a dtype is a name such as 'float32', not {dtype!r}")
    name = _PYTHON.get(name, name)
    if name in _FORMATS:
        return _FORMATS[name]
    short = name.removeprefix(_OURS).removeprefix("=").removeprefix("|")
    if short in {"?", "b1"}:
        return "?"
    bits = int(short[1:]) * 8 if short[1:].isdecimal() and len(short) <= 3 else 0
    long = f"{_SHORT.get(short[:1], '')}{bits}"
    if long in _FORMATS:
        return _FORMATS[long]
    known = ", ".join(_FORMATS)
    raise ValueError(f"memory cannot have elements of type {dtype!r}; it can have {known}")


# ---- names and handles --------------------------------------------------------------------------


def _address(name: str) -> str:
    """Turn any name into one that the system takes, and no other user's."""
    if not isinstance(name, str):
        raise TypeError(f"the name of shared memory is a str, not {name!r}")
    if not name:
        raise ValueError("the name of shared memory is empty")
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"theus-heavy-{os.geteuid()}-{digest[:40]}"


def _write(where: str, memory: Memory) -> int:
    """Write down where memory is, for those who look for its name; return the descriptor."""
    file = os.fstat(memory._fd)
    what = memory._fd, file.st_dev, file.st_ino, memory.shape, memory.format, memory.readonly
    record = os.memfd_create(where, os.MFD_CLOEXEC)
    os.write(record, json.dumps(what).encode())
    return record


def _holders(link: str) -> Iterator[tuple[int, str]]:
    """Find the processes of this user that hold a descriptor with a certain target."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        folder = f"/proc/{pid}/fd"
        try:
            if os.stat(folder).st_uid != os.geteuid():
                continue
            descriptors = os.listdir(folder)
        except OSError:
            continue  # it ended, or is not ours to look at
        for descriptor in descriptors:
            path = f"{folder}/{descriptor}"
            try:
                found = os.readlink(path) == link
            except OSError:
                continue
            if found:
                yield int(pid), path


def _map(
    pid: int, fd: int, device: int, inode: int, shape: tuple[int, ...], kind: str, readonly: bool
) -> Memory:
    """Map memory that a process holds. Raises OSError where it is not there any more."""
    mine = os.open(f"/proc/{pid}/fd/{fd}", (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC)
    try:
        file = os.fstat(mine)
        if (file.st_dev, file.st_ino) != (device, inode):
            raise FileNotFoundError(errno.ENOENT, "the descriptor belongs to something else now")
        if fcntl.fcntl(mine, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
            raise FileNotFoundError(errno.ENOENT, "this is no shared memory of theus")
        return Memory(shape, kind, mine, readonly)
    except BaseException:
        os.close(mine)
        raise


def _started(pid: int) -> str:
    """When a process began, which tells it from a later one of the same number."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[19]


def _open(
    pid: int,
    started: str,
    fd: int,
    device: int,
    inode: int,
    shape: tuple[int, ...],
    kind: str,
    readonly: bool,
) -> Memory:
    """Map the memory of a pickled handle."""
    try:
        if _started(pid) != started:
            _gone(pid)
        return _map(pid, fd, device, inode, shape, kind, readonly)
    except PermissionError:
        raise PermissionError(
            errno.EACCES, f"process {pid}, which sent shared memory, belongs to another user"
        ) from None
    except OSError:
        _gone(pid)


def _gone(pid: int) -> NoReturn:
    raise FileNotFoundError(
        errno.ENOENT,
        f"process {pid}, which sent shared memory, has let it go or ended; it must keep the memory "
        "until who receives it has it",
    ) from None


def _forget_names() -> None:
    """Leave the names to the parent; the memory itself is the child's as well."""
    for memory in list(_shared):
        for name in memory.names:
            memory.unshare(name)


os.register_at_fork(after_in_child=_forget_names)
