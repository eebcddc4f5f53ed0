"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from theus import _kernel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FakeClock:
    """Puts a time of its own in the place of the clocks that Theus reads.

    They date the events of an audit and the transitions of a state machine, and end the wait for
    another transaction. Where a workflow waits, as between the attempts of a retry, the clock moves
    on at once by that time. Your code's own ``time.time()`` is not touched. One at a time.

    Args:
        start: the first moment, with a time zone; 2000-01-01 UTC unless given. Not before 1970.

    Raises ValueError where start has no time zone.

    >>> with FakeClock() as clock:
    ...     clock.advance(minutes=5)
    ...     print(clock.now)
    2000-01-01 00:05:00+00:00
    """

    def __init__(self, start: datetime = datetime(2000, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError(f"{start!r} has no time zone; write datetime(..., tzinfo=UTC)")
        self._start = start

    @property
    def now(self) -> datetime:
        """What the clock says, in UTC."""
        return _EPOCH + timedelta(microseconds=_kernel._now() // 1000)

    def advance(self, **by: float) -> None:
        """Move on, by what ``timedelta`` takes: seconds, minutes, hours, days."""
        self._set(self.now + timedelta(**by))

    def __enter__(self) -> Self:
        self._set(self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _kernel._clock(-1)

    def _set(self, now: datetime) -> None:
        _kernel._clock((now - _EPOCH) // timedelta(microseconds=1) * 1000)
