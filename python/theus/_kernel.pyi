"""Types of the C extension: the views, the engine that carries out the kernel's actions.

Nothing here is public; the modules of ``theus`` re-export what is.
"""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, final

class Engine:
    """Base of TheusEngine: runs processes. It holds objects and carries out actions, no policy."""

    def __init__(self, ctx: object, strict: bool, /) -> None: ...
    @property
    def ctx(self) -> Any: ...
    @property
    def strict_mode(self) -> bool: ...
    @property
    def version(self) -> int:
        """Number of the newest commit, 0 before the first."""
    def _register(
        self,
        name: str,
        func: Callable[..., Any],
        inputs: Sequence[str],
        outputs: Sequence[str],
        side_effects: int,
        errors: Sequence[type | str],
        /,
    ) -> None:
        """File a process. The names in errors are matched against the exception's MRO."""
    def _resolve(self, name: str, /) -> bool:
        """Called for a name that is not registered; True means: it is now, look again."""
    def execute_process(self, process_name: str, /, **kwargs: Any) -> Any: ...
    def run_process(self, name: str, /, **kwargs: Any) -> Any: ...
    def get_process(self, name: str, /) -> Callable[..., Any]: ...
    def edit(self) -> Edit: ...
    def on_commit(self, listener: Callable[[Commit], object], /) -> Callable[[Commit], object]:
        """Call listener with each commit, after it is visible, in version order."""
    def close(self) -> None: ...
    def _permission(self, name: str, path: str, /) -> tuple[int, int]:
        """(bits, zone) of a path under a registered process' contract."""
    def _panic(self) -> None:
        """Panic inside the kernel, as a bug of ours would; for tests."""

@final
class Edit:
    def __enter__(self) -> Any: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...

@final
class Commit:
    """One commit as a value."""

    @property
    def version(self) -> int: ...
    @property
    def process(self) -> str: ...
    @property
    def writes(self) -> tuple[DeltaEntry, ...]: ...

@final
class DeltaEntry:
    """Readable form of one log record."""

    @property
    def path(self) -> str: ...
    @property
    def op(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def old_value(self) -> Any: ...
    @property
    def target(self) -> Any: ...
    @property
    def key(self) -> Any: ...

@final
class Transaction:
    """Type of a running transaction; the engine opens it, direct construction raises TypeError."""

class ContextView: ...
class ObjectView: ...
class TrackedList: ...
class FrozenList: ...
class TrackedDict: ...
class FrozenDict: ...
class TrackedSet: ...
class FrozenSet: ...

class Memory:
    """Base of theus.heavy.Memory: pages of memory, a buffer and a DLPack tensor."""

    def __new__(
        cls, shape: tuple[int, ...], kind: str, fd: int = -1, readonly: bool = False
    ) -> Self: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def format(self) -> str: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def exports(self) -> int: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def freed(self) -> bool: ...
    @property
    def _fd(self) -> int: ...
    def free(self) -> None: ...
    def _resize(self, shape: tuple[int, ...], /) -> None: ...

def plain(value: Any, /) -> Any:
    """An independent plain copy of what a view shows; anything else is returned as it is."""

def describe() -> Mapping[str, str]:
    """version, go_version, zone_prefixes of the kernel library; loads it."""

def live() -> int:
    """Open handles in the kernel; loads it."""

def started() -> bool:
    """Whether the kernel library is loaded in this process."""

def applying() -> bool:
    """Whether this thread is carrying out a commit, or a write into the HEAVY zone."""

def is_finite(array: Any, /) -> bool:
    """Whether no number of an array is NaN or infinite; loads the kernel library."""

def extremes(array: Any, /) -> tuple[int, int] | tuple[float, float]:
    """The least and the greatest number of an array; loads the kernel library."""

def canonical(path: str, /) -> str:
    """A path as the kernel prints it. Raises ValueError where it is none."""

def zone_of(path: str, /) -> int: ...

ABI_VERSION: int
