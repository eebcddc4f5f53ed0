"""The types of the views of lists and dicts, for ``isinstance``; the views come from ``ctx``."""

from theus._kernel import FrozenDict, FrozenList, TrackedDict, TrackedList

__all__ = ["FrozenDict", "FrozenList", "TrackedDict", "TrackedList"]
