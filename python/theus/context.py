"""Base classes for contexts."""

from theus._context import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    LockedContextMixin,
)

__all__ = ["BaseDomainContext", "BaseGlobalContext", "BaseSystemContext", "LockedContextMixin"]
