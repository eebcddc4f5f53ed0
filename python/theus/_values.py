"""What a pickle of a view needs to be read: a function that can be found by its name."""

from typing import TypeVar

T = TypeVar("T")


def _restore(value: T) -> T:
    """Give back the plain value that was pickled in the place of a view.

    >>> _restore([1])
    [1]
    """
    return value
