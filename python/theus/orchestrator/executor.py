"""ThreadExecutor: where the programs of states run."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from theus.interfaces import IScheduler

__all__ = ["ThreadExecutor"]

P = ParamSpec("P")
T = TypeVar("T")


class ThreadExecutor(IScheduler):
    """Runs functions in threads of its own, in the order in which they were submitted.

    Args:
        max_workers: how many run at once.

    A context manager; leaving it waits for what was submitted.

    >>> with ThreadExecutor(max_workers=2) as executor:
    ...     executor.submit(pow, 2, 10).result()
    1024
    """

    def __init__(self, max_workers: int = 4) -> None:
        self._pool = ThreadPoolExecutor(max_workers, "theus-state")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function as soon as a thread is free. Raises RuntimeError after ``shutdown``."""
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True) -> None:
        """Take no more work. With wait, return when all is done and the threads have ended."""
        self._pool.shutdown(wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
