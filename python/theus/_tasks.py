"""What Theus has to know of event loops: asyncio, and trio where a program has imported it.

anyio runs on either of them and needs nothing of its own. No loop is imported here that the program
does not use.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

_PAUSE = 50e-6  # seconds, the longest pause after losing once; it doubles each time
_LONGEST = 10e-3


def in_trio() -> bool:
    """Whether this thread runs trio."""
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())


async def sleep(seconds: float) -> None:
    """Let other tasks run for so long at least."""
    if in_trio():
        await sys.modules["trio"].sleep(seconds)
    else:
        await asyncio.sleep(seconds)


async def back_off(lost: int) -> None:
    """Wait a random part of a time that doubles each time a run has lost: 1, 2, ..."""
    await sleep(random.uniform(0, min(_PAUSE * 2.0 ** min(lost, 20), _LONGEST)))


@asynccontextmanager
async def deadline(seconds: float | None) -> AsyncIterator[None]:
    """Cancel the block after so many seconds and raise TimeoutError; None: never."""
    if seconds is None:
        yield
    elif in_trio():
        trio: Any = sys.modules["trio"]
        try:
            with trio.fail_after(seconds):
                yield
        except trio.TooSlowError as late:
            raise TimeoutError(f"not done after {seconds:g} s") from late
    else:
        async with asyncio.timeout(seconds):
            yield


async def together(calls: list[Callable[[], Awaitable[None]]]) -> None:
    """Run all of them at once, to their ends. None of them raises."""
    if in_trio():
        async with sys.modules["trio"].open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(call)
    else:
        await asyncio.gather(*(call() for call in calls))
