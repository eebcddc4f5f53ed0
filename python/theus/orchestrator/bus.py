"""SignalBus: the queue between what happens and what is done about it."""

import queue
from typing import Any

__all__ = ["SignalBus"]

_take = queue.SimpleQueue.get  # as fast as it gets: signals come by the million


class SignalBus(queue.SimpleQueue[Any]):
    """An unbounded queue, first in, first out. Any number of threads may use it.

    Nothing is ever dropped: what nobody takes stays, and ``qsize()`` tells how much. ``emit`` never
    waits, so it may be called from anywhere: a process, a listener, a signal handler.

    >>> bus = SignalBus()
    >>> bus.emit("CMD_WATER")
    >>> bus.qsize(), bus.get(), bus.get(timeout=0.01), bus.empty()
    (1, 'CMD_WATER', None, True)
    """

    emit = queue.SimpleQueue.put
    """Append an item. Any object will do; None cannot be told from a ``get`` that timed out."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest item, or None if there is none.

        Args:
            block: wait for one; without it the answer comes at once.
            timeout: seconds to wait at most; None waits for ever.
        """
        try:
            return _take(self, block, timeout)
        except queue.Empty:
            return None
