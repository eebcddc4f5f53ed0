"""Processes and workflows that are awaited: the same kernel, only who waits differs."""

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from theus import _tasks

if TYPE_CHECKING:
    from theus._kernel import Attempts, Engine, FluxRun


async def run_process(
    engine: "Engine[Any]", name: str, timeout: float | None, kwargs: dict[str, Any]
) -> Any:
    """Run one process; it may be async or not. A cancelled one is rolled back."""
    call = engine._attempts(name, kwargs)
    async with _tasks.deadline(timeout):
        while True:
            while call.patient:  # another task has priority, having lost again and again
                await _tasks.back_off(1)
            done, value = await _attempt(call)
            if done:
                return value
            await _tasks.back_off(call.lost)


async def _attempt(call: "Attempts") -> tuple[bool, Any]:
    """Run it once. (False, None): it lost against a commit."""
    try:
        value = call.begin()
        if inspect.isawaitable(value):
            value = await value
    except BaseException as error:
        failure = call.fail(error)
        if failure is None:
            return False, None
        if failure is error:
            raise
        raise failure from failure.__cause__
    return call.end(value)


async def run_workflow(engine: "Engine[Any]", run: "FluxRun") -> None:
    """Drive a run of a workflow to its end. Raises what it fails with."""
    await _drive(engine, run)
    run.result()


def run_apart(engine: "Engine[Any]", run: "FluxRun") -> None:
    """Drive a run in a loop of asyncio that this thread makes for it. Raises what it fails with."""
    if asyncio._get_running_loop() is not None or _tasks.in_trio():
        raise RuntimeError(
            "a program with async processes takes an event loop of its own, and this thread runs"
            " one; give WorkflowManager a scheduler with threads, such as ThreadExecutor"
        )
    asyncio.run(run_workflow(engine, run))


async def _drive(engine: "Engine[Any]", run: "FluxRun") -> None:
    """Go on to the end of a run, or of a branch, whose failure its root tells."""
    while (action := run.next()) is not None:
        kind, _, _, *rest = action
        if kind == "fork":
            branches = run.branches()
            await _tasks.together([partial(_drive, engine, branch) for branch in branches])
            run.answer(None)
            continue
        try:
            if kind == "run":
                await run_process(engine, rest[0], None, dict(rest[1] or {}))
            else:
                await _tasks.sleep(rest[0])
        except BaseException as error:
            run.answer(error)
        else:
            run.answer(None)
