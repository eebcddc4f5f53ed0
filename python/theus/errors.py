"""What can go wrong, one class per mistake. Each is also the nearest built-in exception.

::

    TheusError
     ├── ContractViolationError          not what the contract says; undeclared errors
     │    ├── ContractDefinitionError    the contract itself is malformed (ValueError)
     │    ├── AmbiguousProcessError      several functions of that name (LookupError)
     │    ├── AccessDeniedError          an undeclared path, a private name (PermissionError)
     │    │    ├── FrozenInputError      changing what is only an input (TypeError)
     │    │    └── ZoneViolationError    a SIGNAL or META path as input
     │    ├── UnsupportedValueError      a value that cannot live in the context (TypeError)
     │    └── StaleViewError             a view after its transaction ended (RuntimeError)
     ├── UnknownProcessError             no process has that name (KeyError)
     ├── LockViolationError              a write from outside a process or ``edit()``
     ├── TransactionConflictError        another transaction was in the way (RuntimeError)
     ├── NestingLimitError               processes nested too deep (RecursionError)
     ├── EngineClosedError               the engine was closed (RuntimeError)
     ├── ForkedKernelError               a running kernel after ``fork()`` (RuntimeError)
     ├── AuditError                      what an audit refuses
     │    ├── AuditBlockError            a rule of level B
     │    └── AuditInterlockError        a rule of level A or S, or the stop it caused
     ├── FluxLimitError                  a workflow makes too much work (RuntimeError)
     ├── FluxCancelledError              a workflow was cancelled (RuntimeError)
     ├── KernelPanic                     a bug in the kernel (RuntimeError)
     └── ConfigError                     a setting or text that means nothing (ValueError)
          └── SchemaViolationError       a value that is not of the type a schema says (TypeError)
    ScanError                            the files that failed to import (ExceptionGroup)

Every ``TheusError`` says which process it is about, what it tried at which path, and how to mend
it; ``theus.explain`` prints all of it:

>>> denied = AccessDeniedError("Illegal Read: 'domain_ctx.b'", process="act", path="domain_ctx.b")
>>> isinstance(denied, ContractViolationError) and isinstance(denied, PermissionError)
True
>>> denied.process, denied.path, denied.hint
('act', 'domain_ctx.b', '')

Every class has a code, which never changes and ends the first line of the text. Its letter is a
group: C contracts and processes, A access, V values and views, T transactions, E engines,
K the kernel, G configuration, R the rules of an audit, F workflows. The page
``docs/errors/<code>.md`` has an example and the cure.

>>> print(denied)
Illegal Read: 'domain_ctx.b' [THEUS-A001]
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from theus._process import ProcessContract


def _titled(text: str, code: str) -> str:
    """The text with the code at the end of its first line."""
    first, newline, rest = text.partition("\n")
    return f"{first} [{code}]{newline}{rest}"


def _spelled(where: str) -> str:
    """``FILE:LINE`` as a person knows it: cells of a notebook lie in files with odd names."""
    notebook = sys.modules.get("IPython")
    shell = notebook.get_ipython() if notebook is not None else None
    file, _, line = where.rpartition(":")
    cell = shell.compile.format_code_name(file) if shell is not None else None
    return f"{cell[0]} {cell[1]}, line {line}" if cell else where


class TheusError(Exception):
    """Base of what Theus raises.

    Attributes:
        code: the stable code of the class, such as ``"THEUS-A001"``.
        process: name of the process that was running or was named, or ``""``.
        operation: what was tried, such as ``"read"`` or ``"mutate"``, or ``""``.
        path: the path in question as the kernel prints it, or ``""``.
        allowed: the paths for which the same would have been allowed.
        nearest: the declared path or registered name that was probably meant, or ``""``.
        hint: the one-line fix, or ``""``.
        where: ``"FILE:LINE"`` of the access that was denied, or ``""``; the text says which cell
            of a notebook that is.
        contract: what the process declares, its errors by name, or None.

    The text is ``args[0]`` with the code after its first line, and ``where`` as its last one.
    """

    code: ClassVar[str] = "THEUS-E000"

    def __init__(
        self,
        message: str = "",
        *,
        process: str = "",
        path: str = "",
        hint: str = "",
        operation: str = "",
        nearest: str = "",
        allowed: Iterable[str] = (),
        where: str = "",
    ) -> None:
        super().__init__(message)
        self.process = process
        self.operation = operation
        self.path = path
        self.allowed = tuple(allowed)
        self.nearest = nearest
        self.hint = hint
        self.where = where
        self.contract: ProcessContract | None = None

    def __str__(self) -> str:
        # Not that of KeyError, which prints the repr of its argument: a key, and not a sentence.
        text = _titled(Exception.__str__(self), self.code)
        return f"{text}\n  at:            {_spelled(self.where)}" if self.where else text


class ContractViolationError(TheusError):
    """A process did something its contract does not say, or raised what it does not declare.

    In the second case ``__cause__`` is the error it raised.
    """

    code = "THEUS-C001"


class ContractDefinitionError(ContractViolationError, ValueError):
    """A contract that cannot be compiled; raised when the process is registered."""

    code = "THEUS-C002"


class AmbiguousProcessError(ContractViolationError, LookupError):
    """Several decorated functions have the name, and the engine was not told which one to run."""

    code = "THEUS-C003"


class AccessDeniedError(ContractViolationError, PermissionError):
    """A read or write that the contract of the running process does not allow."""

    code = "THEUS-A001"


class FrozenInputError(AccessDeniedError, TypeError):
    """A change to something that the running process declares as an input only."""

    code = "THEUS-A002"


class ZoneViolationError(AccessDeniedError):
    """A path used in a way its zone forbids, such as a SIGNAL or META path as input."""

    code = "THEUS-A003"


class UnsupportedValueError(ContractViolationError, TypeError):
    """A value of a kind that cannot live in the context; the text names the cure."""

    code = "THEUS-V001"


class StaleViewError(ContractViolationError, RuntimeError):
    """A view, or ``ctx`` itself, was used after the run it belonged to."""

    code = "THEUS-V002"


class UnknownProcessError(TheusError, KeyError):
    """No process has that name; the text gives the nearest one.

    >>> print(UnknownProcessError("Process 'pay' not found"))
    Process 'pay' not found [THEUS-C004]
    """

    code = "THEUS-C004"


class LockViolationError(TheusError):
    """A context was written from outside a process or ``edit()`` in strict mode."""

    code = "THEUS-A004"


class TransactionConflictError(TheusError, RuntimeError):
    """A transaction lost against a commit and may not run again, or waited for too long."""

    code = "THEUS-T001"


class NestingLimitError(TheusError, RecursionError):
    """Processes call each other deeper than the kernel allows."""

    code = "THEUS-T002"


class EngineClosedError(TheusError, RuntimeError):
    """The engine was closed, or the transaction has already ended."""

    code = "THEUS-E001"


class ForkedKernelError(TheusError, RuntimeError):
    """A forked child used the running kernel of its parent; start workers with ``spawn``."""

    code = "THEUS-K002"


class KernelPanic(TheusError, RuntimeError):
    """The kernel met a bug of its own. The engine refuses further work; other engines live on."""

    code = "THEUS-K001"


class AuditError(TheusError):
    """A process took or left what a rule does not allow; base of what an audit raises."""

    code = "THEUS-R001"


class AuditBlockError(AuditError):
    """A rule of level B refused a run; nothing of it was written."""

    code = "THEUS-R002"


class AuditInterlockError(AuditError):
    """A rule of level A or S refused a run, or one of level S has stopped the engine."""

    code = "THEUS-R003"


class FluxLimitError(TheusError, RuntimeError):
    """A workflow made more iterations than its budget, or a condition takes too much work."""

    code = "THEUS-F001"


class FluxCancelledError(TheusError, RuntimeError):
    """A run of a workflow was cancelled; what stood under ``finally`` has run."""

    code = "THEUS-F002"


class ConfigError(TheusError, ValueError):
    """A setting, recipe or workflow that means nothing; the text tells what is wrong, and where."""

    code = "THEUS-G001"


class SchemaViolationError(ConfigError, TypeError):
    """A value that was written is not of the type that the schema says; nothing was written.

    Attributes:
        path: of the value.
        expected: the type, in the words of the schema.
        got: the type of the value and the value, or ``"nothing"`` if it is missing.
    """

    code = "THEUS-G003"

    @property
    def expected(self) -> str:
        """The type that the schema says."""
        return self.allowed[0] if self.allowed else ""

    @property
    def got(self) -> str:
        """What the value is."""
        return self.nearest


class ScanError(ExceptionGroup[Exception]):
    """The files of a package that could not be imported; nothing was registered.

    ``exceptions`` holds one error per file, in the order of the files.
    """

    code: ClassVar[str] = "THEUS-G002"

    def __str__(self) -> str:
        return _titled(super().__str__(), self.code)


class _RunAgain(BaseException):
    """Raised inside a process that lost against a commit. It runs again: no caller sees this.

    It is no Exception, so that a process which handles errors of its own does not handle this one.
    """
