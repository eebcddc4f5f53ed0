"""What keys(), values() and items() of a dict view are: live views that can be reversed."""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class Keys(KeysView[Any]):
    """The keys, as a set."""

    _mapping: dict[Any, Any]  # set by collections.abc

    def __reversed__(self) -> Iterator[Any]:
        return (key for key in reversed(self._mapping))


class Values(ValuesView[Any]):
    """The values."""

    _mapping: dict[Any, Any]

    def __reversed__(self) -> Iterator[Any]:
        return (self._mapping[key] for key in reversed(self._mapping))


class Items(ItemsView[Any, Any]):
    """The pairs, as a set."""

    _mapping: dict[Any, Any]

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        return ((key, self._mapping[key]) for key in reversed(self._mapping))
