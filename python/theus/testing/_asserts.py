"""What a test says of a run that must not succeed."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Generic, TypeVar, overload

from theus import _kernel
from theus._engine import TheusEngine
from theus.errors import AccessDeniedError
from theus.testing._picture import freeze

E = TypeVar("E", bound=BaseException)


class Caught(Generic[E]):
    """What left the block: ``value`` is the error, once the block is over."""

    value: E

    def __repr__(self) -> str:
        return f"<caught {self.value!r}>" if hasattr(self, "value") else "<nothing caught yet>"


@overload
def assert_rolled_back(
    engine: TheusEngine[Any], raises: type[E] | tuple[type[E], ...], *, match: str = ""
) -> AbstractContextManager[Caught[E]]: ...
@overload
def assert_rolled_back(
    engine: TheusEngine[Any], raises: type[Exception] = Exception, *, match: str = ""
) -> AbstractContextManager[Caught[Exception]]: ...
@contextmanager
def assert_rolled_back(
    engine: TheusEngine[Any], raises: Any = Exception, *, match: str = ""
) -> Iterator[Caught[Any]]:
    """Hold when the block raises and the context of the engine is afterwards what it was before.

    Args:
        engine: the strict engine whose context is watched.
        raises: the class of the expected error, or several. An error that the contract does not
            name arrives as ``ContractViolationError``.
        match: a regular expression that the text of the error must contain.

    Raises AssertionError where nothing was raised or something changed; each change is a line of
    its text. An error of another class passes through.

    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
    >>> @process(inputs=[], outputs=["domain"], errors=[ValueError])
    ... def half(ctx):
    ...     ctx.domain.step = 1
    ...     raise ValueError("step 2")
    >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
    ...     engine.register_process("half", half)
    ...     with assert_rolled_back(engine, ValueError, match="step 2"):
    ...         engine.run_process("half")
    """
    before, version = freeze(engine.ctx), engine.version
    caught: Caught[Any] = Caught()
    try:
        yield caught
    except raises as error:
        caught.value = error
    else:
        raise AssertionError(f"nothing was raised, and {_expected(raises)} was expected")
    _check_text(caught.value, match)
    changes = before.changes(engine.ctx)
    if changes or engine.version != version:
        mode = "" if engine.strict_mode else "; nothing is rolled back in training mode"
        kind = type(caught.value).__name__
        raise AssertionError(
            f"{kind} left something behind{mode}:\n  "
            + "\n  ".join(changes or [f"a commit: version {version} -> {engine.version}"])
        ) from caught.value


@contextmanager
def assert_denied(path: str = "", operation: str = "") -> Iterator[Caught[AccessDeniedError]]:
    """Hold when the guard denies the block an access.

    Args:
        path: where, as contracts spell it, such as ``"domain.balance"``; any if left out.
        operation: what was tried, such as ``"read"`` or ``"write"``; anything if left out.

    Raises AssertionError where nothing was denied, or something else than that. Errors that are no
    denial pass through. Raises ValueError where path is none.

    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
    >>> @process(inputs=[], outputs=["domain.a"])
    ... def sneak(ctx):
    ...     ctx.domain.b = 1
    >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
    ...     engine.register_process("sneak", sneak)
    ...     with assert_denied("domain.b", "write") as denial:
    ...         engine.run_process("sneak")
    >>> denial.value.process
    'sneak'
    """
    expected = _kernel.canonical(path) if path else ""
    caught: Caught[AccessDeniedError] = Caught()
    try:
        yield caught
    except AccessDeniedError as error:
        caught.value = error
    else:
        what = f" to {operation}" if operation else ""
        raise AssertionError(f"nothing was denied{what}{' ' if path else ''}{expected}")
    denial = caught.value
    if (expected and denial.path != expected) or (operation and denial.operation != operation):
        raise AssertionError(
            f"denied was {denial.operation} {denial.path},"
            f" and expected {operation or 'any access'} {expected or 'anywhere'}"
        ) from denial


def _check_text(error: BaseException, match: str) -> None:
    if match and not re.search(match, str(error)):
        raise AssertionError(f"the text does not match {match!r}: {error}") from error


def _expected(raises: type[BaseException] | tuple[type[BaseException], ...]) -> str:
    kinds = raises if isinstance(raises, tuple) else (raises,)
    return " or ".join(kind.__name__ for kind in kinds)
