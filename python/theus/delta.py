"""What a commit consists of: the types behind ``engine.on_commit``; the engine makes them."""

from theus._kernel import Commit, DeltaEntry, Transaction

__all__ = ["Commit", "DeltaEntry", "Transaction"]
