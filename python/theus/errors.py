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
     ├── KernelPanic                     a bug in the kernel (RuntimeError)
     └── ConfigError                     a setting that means nothing (ValueError)
    ScanError                            the files that failed to import (ExceptionGroup)

Every ``TheusError`` says which process it is about, at which path, and how to mend it:

>>> denied = AccessDeniedError("Illegal Read: 'domain_ctx.b'", process="act", path="domain_ctx.b")
>>> isinstance(denied, ContractViolationError) and isinstance(denied, PermissionError)
True
>>> denied.process, denied.path, denied.hint
('act', 'domain_ctx.b', '')
"""


class TheusError(Exception):
    """Base of what Theus raises.

    Attributes:
        process: name of the process that was running or was named, or ``""``.
        path: the path in question as the kernel prints it, or ``""``.
        hint: the one-line fix, or ``""``.
    """

    def __init__(
        self, message: str = "", *, process: str = "", path: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.process = process
        self.path = path
        self.hint = hint


class ContractViolationError(TheusError):
    """A process did something its contract does not say, or raised what it does not declare.

    In the second case ``__cause__`` is the error it raised.
    """


class ContractDefinitionError(ContractViolationError, ValueError):
    """A contract that cannot be compiled; raised when the process is registered."""


class AmbiguousProcessError(ContractViolationError, LookupError):
    """Several decorated functions have the name, and the engine was not told which one to run."""


class AccessDeniedError(ContractViolationError, PermissionError):
    """A read or write that the contract of the running process does not allow."""


class FrozenInputError(AccessDeniedError, TypeError):
    """A change to something that the running process declares as an input only."""


class ZoneViolationError(AccessDeniedError):
    """A path used in a way its zone forbids, such as a SIGNAL or META path as input."""


class UnsupportedValueError(ContractViolationError, TypeError):
    """A value of a kind that cannot live in the context; the text names the cure."""


class StaleViewError(ContractViolationError, RuntimeError):
    """A view, or ``ctx`` itself, was used after the run it belonged to."""


class UnknownProcessError(TheusError, KeyError):
    """No process has that name; the text gives the nearest one.

    >>> print(UnknownProcessError("Process 'pay' not found"))
    Process 'pay' not found
    """

    # KeyError prints the repr of its argument, which suits a key and not a sentence.
    __str__ = Exception.__str__


class LockViolationError(TheusError):
    """A context was written from outside a process or ``edit()`` in strict mode."""


class TransactionConflictError(TheusError, RuntimeError):
    """Another transaction stayed in charge for too long, or this one may not run again."""


class NestingLimitError(TheusError, RecursionError):
    """Processes call each other deeper than the kernel allows."""


class EngineClosedError(TheusError, RuntimeError):
    """The engine was closed, or the transaction has already ended."""


class ForkedKernelError(TheusError, RuntimeError):
    """A forked child used the running kernel of its parent; start workers with ``spawn``."""


class KernelPanic(TheusError, RuntimeError):
    """The kernel met a bug of its own. The engine refuses further work; other engines live on."""


class ConfigError(TheusError, ValueError):
    """A setting whose value means nothing; the text names the setting."""


class ScanError(ExceptionGroup[Exception]):
    """The files of a package that could not be imported; nothing was registered.

    ``exceptions`` holds one error per file, in the order of the files.
    """
