"""Type variables. The stub beside this file gives them the defaults that Python 3.11 cannot say."""

from typing import Protocol, TypeVar

Root = TypeVar("Root")
"""The class of a system context."""

Layer_co = TypeVar("Layer_co", covariant=True)
"""The class of one layer of it."""


class HasDomain(Protocol[Layer_co]):
    """A root as its property ``domain`` sees it, so that both spellings have one type."""

    @property
    def domain_ctx(self) -> Layer_co:
        """The layer of session state."""
