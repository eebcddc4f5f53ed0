"""What a commit consists of: the types behind ``engine.on_commit``; the engine makes them."""

from theus._kernel import DeltaEntry, Transaction

__all__ = ["DeltaEntry", "Transaction"]
