"""The lock that keeps writes from outside away from a context that an engine is in charge of.

A context may be written by a process, inside ``engine.edit()``, or by the thread that is inside
``lock_manager.unlock()``. The engine's commits are never refused.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from theus import _kernel
from theus.errors import LockViolationError

__all__ = ["LockManager", "LockViolationError"]


class LockManager:
    """Decides whether a write from outside may pass.

    Args:
        strict_mode: True refuses such a write; False only logs it, at debug level.

    >>> from theus import BaseDomainContext
    >>> domain = BaseDomainContext()
    >>> manager = LockManager(strict_mode=True)
    >>> domain.set_lock_manager(manager)
    >>> domain.count = 1
    Traceback (most recent call last):
    theus.errors.LockViolationError: UNSAFE MUTATION: 'count' of BaseDomainContext ...
    >>> with manager.unlock():
    ...     domain.count = 1
    """

    LockViolationError: ClassVar[type[LockViolationError]] = LockViolationError

    def __init__(self, strict_mode: bool = False) -> None:
        self.strict_mode = strict_mode
        self._lock = threading.RLock()
        self._owner: int | None = None  # the thread inside unlock(); written by it alone

    def validate_write(self, attr_name: str, target_obj: object) -> None:
        """Return if this thread may write attr_name of target_obj.

        Raises LockViolationError if not, in strict mode.
        """
        if self._owner == threading.get_ident() or _kernel.applying():
            return
        kind = type(target_obj).__name__
        text = f"UNSAFE MUTATION: {attr_name!r} of {kind} was written from outside a process"
        if not self.strict_mode:
            from logging import getLogger  # noqa: PLC0415  dear, and seldom needed

            getLogger("Theus.LockManager").debug("%s", text)
            return
        hint = "write it in a process that has it as output, or in `with engine.edit() as ctx:`"
        raise LockViolationError(f"{text}\n  fix:  {hint}", path=attr_name, hint=hint)

    @contextmanager
    def unlock(self) -> Iterator[None]:
        """Let this thread write, and no other, until the block ends. It may enter again.

        What is written here is no transaction: nothing rolls it back.
        """
        with self._lock:
            outer, self._owner = self._owner, threading.get_ident()
            try:
                yield
            finally:
                self._owner = outer
