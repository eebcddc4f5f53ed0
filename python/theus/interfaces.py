"""Abstract bases for programs that put something of their own in the place of a part of Theus."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

__all__ = ["IEngine", "IOrchestrator", "IScheduler"]


@runtime_checkable
class IEngine(Protocol):
    """Runs processes by name. ``TheusEngine`` is one, and so is what has these methods.

    >>> from theus import BaseSystemContext, TheusEngine
    >>> isinstance(TheusEngine(BaseSystemContext(None, None)), IEngine)
    True
    """

    @abstractmethod
    def register_process(self, name: str, func: Callable[..., Any]) -> None:
        """File a process under a name."""

    @abstractmethod
    def execute_process(self, process_name: str, /, **kwargs: Any) -> Any:
        """Run a process and return what it returns."""

    @abstractmethod
    def get_process(self, name: str, /) -> Callable[..., Any]:
        """The function filed under a name. Raises KeyError where there is none."""


class IScheduler(ABC):
    """Runs functions somewhere, now or later."""

    @abstractmethod
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run a function; the answer stands for its result."""

    @abstractmethod
    def shutdown(self, wait: bool = True) -> None:
        """Take no more work; with wait, return when all is done."""


class IOrchestrator(ABC):
    """Drives a workflow over a context."""

    @abstractmethod
    def run_workflow(self, workflow_name: str, context: Any) -> Any:
        """Run a workflow until it ends."""
