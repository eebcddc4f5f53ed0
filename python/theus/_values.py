"""Kinds of values beyond those the kernel knows, and what a pickle of a view needs to be read."""

from collections.abc import Callable
from typing import Any, TypeVar

from theus import _kernel

T = TypeVar("T")


def opaque(value: T) -> T:
    """Mark a live thing, such as a client, a model or a lock, and give it back.

    From now on processes get this very object wherever the context holds it, under an input and
    under an output: it is passed by reference, never copied, and what a process does to it is
    neither guarded nor undone. Assigning the field that holds it is.

    The mark ends with the object. Raises TypeError for an object without weak references; register
    its type, or keep it under a name that starts with ``heavy_``.

    >>> import threading
    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, opaque, process
    >>> domain = BaseDomainContext()
    >>> domain.lock = opaque(threading.Lock())
    >>> @process(inputs=["domain_ctx.lock"], outputs=[])
    ... def same(ctx):
    ...     return ctx.domain_ctx.lock
    >>> engine = TheusEngine(BaseSystemContext(None, domain))
    >>> engine.register_process("same", same)
    >>> engine.execute_process("same") is domain.lock
    True
    """
    _kernel._mark(value)
    return value


def register_type(
    kind: type[T],
    *,
    immutable: bool = False,
    copy: Callable[[T], T] | None = None,
    apply: Callable[[T, T], object] | None = None,
) -> None:
    """Say what instances of a type, and of types derived from it, are to the kernel.

    Args:
        kind: the type. Types the kernel supports by itself are refused, with TypeError.
        immutable: instances never change: processes get them as they are.
        copy: ``copy(value)`` gives an independent value. A process gets such a copy; under an
            output one that is kept, so that it sees its own changes.
        apply: ``apply(value, changed)`` writes what the copy of an output became into the original,
            which stays the object it is. It runs while a commit is applied; when something fails
            after it, ``apply(value, copy_of_before)`` takes it back.

    Either ``immutable`` or both functions are needed. An output counts as written once a process
    has looked at it. Register a type before an engine meets its instances.

    >>> class Money:
    ...     __slots__ = ("cents",)
    >>> register_type(Money, immutable=True)
    >>> register_type(Money)
    Traceback (most recent call last):
      ...
    TypeError: register_type needs immutable=True, or copy and apply
    """
    if not isinstance(kind, type):
        raise TypeError(f"register_type needs a type, not {kind!r}")
    if kind in _SUPPORTED:
        raise TypeError(f"{kind.__name__} has a kind of its own; derive a class from it instead")
    if immutable and copy is None and apply is None:
        _kernel._register(kind, True)
    elif not immutable and copy is not None and apply is not None:
        _kernel._register(kind, (copy, apply))
    else:
        raise TypeError("register_type needs immutable=True, or copy and apply")


_SUPPORTED: frozenset[type[Any]] = frozenset(
    [object, type, list, dict, set, frozenset, tuple, str, bytes, bytearray, int, float, complex]
)


def _restore(value: T) -> T:
    """Give back the plain value that was pickled in the place of a view.

    >>> _restore([1])
    [1]
    """
    return value
