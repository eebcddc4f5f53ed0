"""Errors of an audit, and what its log holds. Auditing is configured through recipes alone."""

from theus._audit import AuditEvent, AuditLog
from theus.errors import AuditBlockError, AuditError, AuditInterlockError

__all__ = [
    "AuditBlockError",
    "AuditError",
    "AuditEvent",
    "AuditInterlockError",
    "AuditLog",
    "AuditPolicy",
    "AuditTracker",
    "ContextAuditor",
]


class AuditPolicy:
    """A name that older programs import; it does nothing."""


class AuditTracker:
    """A name that older programs import; it does nothing."""


class ContextAuditor:
    """A name that older programs import; it does nothing."""
