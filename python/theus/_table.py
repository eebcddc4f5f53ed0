"""The process-wide table of decorated functions, asked after an engine's own registry.

It holds functions weakly and only those at the top of a module, where a name means one thing.

Laws:
  * A name with one live function is that function. With several, asking for it is an error.
  * Defining a function again in the same module replaces the former one, also in engines that
    already took it from here: running a notebook cell again does what it looks like. In a notebook
    or at a prompt that holds for functions that were registered by hand under their name, too.
  * An engine keeps the function it took when another module defines the name later.
"""

import sys
import threading
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any, Protocol

from theus.errors import AmbiguousProcessError

# Modules that scan_and_register imports; their functions belong to the engine that scanned.
PRIVATE_PREFIX = "_theus_scan_"


class Follower(Protocol):
    """An engine, as the table sees it."""

    def _replaced(self, name: str, former: Callable[..., Any], now: Callable[..., Any]) -> None:
        """A function that the engine may have taken under name was defined again."""


class DefaultTable:
    """Name to live functions, and the engines that took some of them. Safe from any thread."""

    def __init__(self) -> None:
        # Protects both collections. Reentrant: a collection of garbage may run code that decorates.
        self._lock = threading.RLock()
        self._functions: dict[str, list[weakref.ref[FunctionType]]] = {}
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()

    def add(self, func: object) -> None:
        """Note a decorated function, unless it is none that a name can stand for."""
        if not isinstance(func, FunctionType) or "." in func.__qualname__:
            return
        if str(func.__module__).startswith(PRIVATE_PREFIX):
            return
        with self._lock:
            live = self._live(func.__name__)
            former = [each for each in live if each.__module__ == func.__module__]
            others = [each for each in live if each.__module__ != func.__module__]
            self._functions[func.__name__] = [weakref.ref(each) for each in (*others, func)]
            followers = list(self._followers) if former else []
        for follower in followers:
            follower._replaced(func.__name__, former[0], func)

    def find(self, name: str) -> FunctionType | None:
        """The function of that name, or None. Raises AmbiguousProcessError where there are more."""
        with self._lock:
            live = self._live(name)
        if len(live) < 2:
            return live[0] if live else None
        places = "".join(f"\n  defined in:  {func.__module__}" for func in live)
        fix = f"register the one you mean: engine.register_process({name!r}, <module>.{name})"
        raise AmbiguousProcessError(
            f"Process {name!r} is ambiguous: {len(live)} functions have that name"
            f"{places}\n  fix:         {fix}",
            process=name,
            hint=fix,
        )

    def names(self) -> list[str]:
        """The names that stand for a live function, or for several."""
        with self._lock:
            return [name for name in self._functions if self._live(name)]

    def follow(self, follower: Follower) -> None:
        """Tell follower from now on about functions that are defined again."""
        with self._lock:
            self._followers.add(follower)

    def _live(self, name: str) -> list[FunctionType]:
        functions = (ref() for ref in self._functions.get(name, ()))
        return [func for func in functions if func is not None]


def interactive(func: object) -> bool:
    """Whether a function was typed into a notebook or at a prompt: no file will define it again."""
    main = sys.modules.get("__main__")
    typed = getattr(func, "__module__", "") == "__main__" and not hasattr(main, "__file__")
    return typed and isinstance(func, FunctionType) and "." not in func.__qualname__


default_table = DefaultTable()
