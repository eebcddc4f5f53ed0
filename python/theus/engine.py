"""The engine, also under its old name."""

import warnings

from theus._engine import TheusEngine
from theus._typing import Root

__all__ = ["POPEngine", "TheusEngine"]


class POPEngine(TheusEngine[Root]):
    """TheusEngine under its old name; constructing it emits a DeprecationWarning."""

    def __init__(self, system_ctx: Root, strict_mode: bool | None = None) -> None:
        warnings.warn(
            "POPEngine is the old name of TheusEngine: use TheusEngine",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(system_ctx, strict_mode)
