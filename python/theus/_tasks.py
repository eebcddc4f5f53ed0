"""What Theus has to know of event loops, without importing one."""

import sys


def in_event_loop() -> bool:
    """Whether this thread runs an event loop: who waits here keeps every task of it waiting.

    Asked by the extension where a thread would have to wait for another transaction.
    """
    events = sys.modules.get("asyncio.events")
    if events is not None and events._get_running_loop() is not None:
        return True
    trio = sys.modules.get("trio")
    return trio is not None and bool(trio.lowlevel.in_trio_run())
