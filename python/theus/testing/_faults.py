"""Commits that fail on purpose, at each point where one can."""

from collections.abc import Iterator
from itertools import count
from types import TracebackType
from typing import Any, Self

from theus._engine import TheusEngine
from theus.testing._picture import Picture, freeze


class InjectedFault(Exception):
    """What a commit raises where it was made to fail."""


class CommitFault:
    """Makes one commit of an engine fail, and checks that nothing of it is left.

    A commit passes a point before each field, key, element or item it writes, and one after the
    last, when everything is written and nothing published.

    Args:
        engine: the strict engine.
        point: at which point of the commits in the block to fail, counted from 0.
        error: what to raise there, as a setter of your own would.

    The block is left quietly when it raises that error. Raises AssertionError if the failed commit
    left something; other errors pass through.

    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine
    >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
    ...     with CommitFault(engine, 1) as fault, engine.edit() as ctx:
    ...         ctx.domain.a = 1
    ...         ctx.domain.b = 2
    ...     fault.struck, hasattr(engine.ctx.domain, "a")
    (True, False)
    """

    def __init__(
        self, engine: TheusEngine[Any], point: int, error: BaseException | None = None
    ) -> None:
        if not engine.strict_mode:
            raise ValueError("an engine in training mode makes no commits that could fail")
        self.engine = engine
        self.point = point
        self.error = error if error is not None else InjectedFault(f"at point {point} of a commit")
        self.struck: bool | None = None
        """Whether the point was reached; None before the block is over."""
        self._before: Picture | None = None

    def __enter__(self) -> Self:
        self._before = freeze(self.engine.ctx)
        self.engine.on_commit(self._committed)
        self.engine._fault(self.point, self.error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self.struck = self.engine._fault(-1, None) > self.point
        before, self._before = self._before, None
        if self.struck and before is not None and error in (None, self.error):
            changes = before.changes(self.engine.ctx)
            if changes:
                raise AssertionError(
                    f"a commit that failed at point {self.point} left something behind:\n  "
                    + "\n  ".join(changes)
                ) from self.error
        return error is self.error

    def _committed(self, commit: object) -> None:
        """Another commit of the block stood: it is what must be left when a later one fails."""
        if self._before is not None:
            self._before = freeze(self.engine.ctx)


def every_commit_point(engine: TheusEngine[Any]) -> Iterator[CommitFault]:
    """Give a fault for each point in turn, until the code below outlasts it and commits.

    Raises as CommitFault does, and RuntimeError where its block was not entered.

    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
    >>> @process(inputs=[], outputs=["domain"])
    ... def move(ctx):
    ...     ctx.domain.a, ctx.domain.b = 1, 2
    >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
    ...     engine.register_process("move", move)
    ...     for fault in every_commit_point(engine):
    ...         with fault:
    ...             engine.run_process("move")
    ...     print(fault.point, engine.ctx.domain.b, engine.version)
    3 2 1
    """
    for point in count():
        fault = CommitFault(engine, point)
        yield fault
        if fault.struck is None:
            raise RuntimeError("each fault is a block: write `with fault:` around what commits")
        if not fault.struck:
            return
