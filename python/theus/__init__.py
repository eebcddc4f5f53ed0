"""Theus runs functions on shared state, each held to what it declares."""

from theus._binding import In, Out, Ref
from theus._build import BuildInfo, build_info
from theus._context import BaseDomainContext, BaseGlobalContext, BaseSystemContext
from theus._engine import TheusEngine
from theus._explain import explain
from theus._kernel import plain
from theus._process import process
from theus._values import opaque, register_type
from theus._version import __version__
from theus.engine import POPEngine
from theus.errors import (
    AccessDeniedError,
    AmbiguousProcessError,
    AuditBlockError,
    AuditError,
    AuditInterlockError,
    ConfigError,
    ContractDefinitionError,
    ContractViolationError,
    EngineClosedError,
    FluxCancelledError,
    FluxLimitError,
    ForkedKernelError,
    FrozenInputError,
    KernelPanic,
    LockViolationError,
    NestingLimitError,
    ScanError,
    SchemaViolationError,
    StaleViewError,
    TheusError,
    TransactionConflictError,
    UnknownProcessError,
    UnsupportedValueError,
    ZoneViolationError,
)

__all__ = [
    "AccessDeniedError",
    "AmbiguousProcessError",
    "AuditBlockError",
    "AuditError",
    "AuditInterlockError",
    "BaseDomainContext",
    "BaseGlobalContext",
    "BaseSystemContext",
    "BuildInfo",
    "ConfigError",
    "ContractDefinitionError",
    "ContractViolationError",
    "EngineClosedError",
    "FluxCancelledError",
    "FluxLimitError",
    "ForkedKernelError",
    "FrozenInputError",
    "In",
    "KernelPanic",
    "LockViolationError",
    "NestingLimitError",
    "Out",
    "POPEngine",
    "Ref",
    "ScanError",
    "SchemaViolationError",
    "StaleViewError",
    "TheusEngine",
    "TheusError",
    "TransactionConflictError",
    "UnknownProcessError",
    "UnsupportedValueError",
    "ZoneViolationError",
    "__version__",
    "build_info",
    "explain",
    "opaque",
    "plain",
    "process",
    "register_type",
]
