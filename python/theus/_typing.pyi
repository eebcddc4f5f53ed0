from typing import Any, Protocol

from typing_extensions import TypeVar  # for type checkers only, which bring it along

Root = TypeVar("Root", default=Any)
Layer_co = TypeVar("Layer_co", covariant=True, default=Any)

class HasDomain(Protocol[Layer_co]):
    @property
    def domain_ctx(self) -> Layer_co: ...
