"""Zones: what the prefix of a name says about the value behind it."""

from enum import Enum

from theus import _kernel

__all__ = ["PREFIX_HEAVY", "PREFIX_META", "PREFIX_SIGNAL", "ContextZone", "resolve_zone"]

PREFIX_SIGNAL = ("sig_", "cmd_")
PREFIX_META = ("meta_",)
PREFIX_HEAVY = ("heavy_",)


class ContextZone(Enum):
    """The four zones.

    >>> ContextZone("signal") is ContextZone.SIGNAL
    True
    """

    DATA = "data"
    SIGNAL = "signal"
    META = "meta"
    HEAVY = "heavy"


_BY_NUMBER = tuple(ContextZone)  # in the order of the kernel's numbers


def resolve_zone(key: str) -> ContextZone:
    """The zone of a name or of a dotted path: its first segment with a prefix decides.

    The kernel answers, so this loads it. Raises ValueError where key is no path.

    >>> resolve_zone("domain_ctx.sig_stop"), resolve_zone("domain_data")
    (<ContextZone.SIGNAL: 'signal'>, <ContextZone.DATA: 'data'>)
    """
    return _BY_NUMBER[_kernel.zone_of(key)]
