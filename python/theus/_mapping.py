"""What keys(), values() and items() of a dict view are: live views that can be reversed."""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any, NoReturn


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


class Fields(dict[str, Any]):
    """What vars() and __dict__ of an object view show: a picture that cannot be written."""

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        """A change here would reach no object; say so instead of losing it."""
        raise TypeError("vars() of a view is a copy: assign the attribute of the view itself")

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = update = setdefault = _refuse
