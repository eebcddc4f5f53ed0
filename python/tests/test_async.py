"""Async processes: the transaction follows the task, and nothing that waits blocks the loop.

Each law is tried on asyncio and on trio; anyio speaks to both, so the tests are written for it.
"""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anyio
import pytest
from harness import Declared, World
from model import Plain

from theus import (
    AuditBlockError,
    AuditInterlockError,
    ContractViolationError,
    FluxCancelledError,
    StaleViewError,
    TheusEngine,
    TransactionConflictError,
    process,
)
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec

LIMIT = 60  # seconds until a test that hangs is a failure


@pytest.fixture(params=["asyncio", "trio"])
def loop(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Run an async function on one of the loops, within the limit."""

    def run(body: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            with anyio.fail_after(LIMIT):
                return await body()

        return anyio.run(limited, backend=request.param)

    yield run
    gc.collect()


@process([], ["domain.n"], errors=[Declared])
async def add(ctx: Any, by: int = 1, fail: bool = False) -> int:
    """Read, let others run, and write what was read and something more."""
    before: int = ctx.domain.n
    await anyio.sleep(0)
    ctx.domain.n = before + by
    if fail:
        raise Declared
    return before


@process([], ["domain.n"])
def tenfold(ctx: Any) -> None:
    """A process like any other."""
    ctx.domain.n *= 10


def world_of(*processes: Callable[..., Any], **fields: Any) -> World:
    world = World(**fields)
    for each in processes:
        world.engine.register_process(each.__name__, each)
    return world


def test_one_process(loop: Callable[..., Any]) -> None:
    """It commits, gives its value, and an ordinary process may be awaited as well."""
    world = world_of(add, tenfold, n=1)

    async def program() -> None:
        assert await world.engine.execute_process_async("add", by=2) == 1
        assert await world.engine.execute_process_async("tenfold") is None

    loop(program)
    assert (world.domain.n, world.engine.version) == (30, 2)


def test_a_failure_rolls_back(loop: Callable[..., Any]) -> None:
    """Declared errors are unchanged, others wrapped, and nothing stays of either."""

    @process([], ["domain"])
    async def wrong(ctx: Any) -> None:
        ctx.domain.n = 9
        await anyio.sleep(0)
        _ = ctx.domain.missing

    @process(["domain"], [])
    async def denied(ctx: Any) -> None:
        await anyio.sleep(0)
        ctx.domain.n = 9

    world = world_of(add, wrong, denied, n=1)

    async def program() -> None:
        with pytest.raises(Declared):
            await world.engine.execute_process_async("add", fail=True)
        with pytest.raises(ContractViolationError, match="Undeclared") as caught:
            await world.engine.execute_process_async("wrong")
        assert type(caught.value.__cause__) is AttributeError
        with pytest.raises(PermissionError):
            await world.engine.execute_process_async("denied")

    loop(program)
    assert (world.domain.n, world.engine.version) == (1, 0)


def test_an_async_process_needs_an_awaiting_call() -> None:
    """Called synchronously it says what to do, and nothing has happened."""
    world = world_of(add, n=1)
    with pytest.raises(TypeError, match="await engine"):
        world.engine.run_process("add")
    assert world.domain.n == 1


def test_no_update_is_lost(loop: Callable[..., Any]) -> None:
    """C1: forty tasks read, are suspended, and write: each increment counts."""
    world = world_of(add, n=0)
    seen: list[int] = []

    async def one() -> None:
        seen.append(await world.engine.execute_process_async("add"))

    async def program() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(one)

    loop(program)
    assert world.domain.n == 40
    assert sorted(seen) == list(range(40))
    assert world.engine.stats().conflicts > 0


def test_tasks_see_one_version(loop: Callable[..., Any]) -> None:
    """C2, C3: suspended between two reads, a process sees both before or both after a commit."""
    world = World(a=0, b=0)

    @process([], ["domain"])
    async def both(ctx: Any, n: int) -> None:
        ctx.domain.a = n
        await anyio.sleep(0)
        ctx.domain.b = n

    @process(["domain"], [])
    async def look(ctx: Any) -> tuple[int, int]:
        a = ctx.domain.a
        await anyio.sleep(0)
        return a, ctx.domain.b

    world.engine.register_process("both", both)
    world.engine.register_process("look", look)
    pairs: list[tuple[int, int]] = []

    async def writer() -> None:
        for n in range(50):
            await world.engine.execute_process_async("both", n=n)

    async def reader() -> None:
        pairs.extend([await world.engine.execute_process_async("look") for _ in range(50)])

    async def program() -> None:
        async with anyio.create_task_group() as group:
            for each in (writer, reader, reader):
                group.start_soon(each)

    loop(program)
    assert all(a == b for a, b in pairs)
    assert world.engine.stats().conflicts == 0  # who only reads never loses


def test_what_a_process_runs_is_part_of_it(loop: Callable[..., Any]) -> None:
    """C12: awaited or called in the same task it is a savepoint, undone with the outer one."""
    world = world_of(add, tenfold, n=1)

    @process([], ["domain.n"], errors=[Declared])
    async def outer(ctx: Any, fail: bool) -> int:
        await world.engine.execute_process_async("add", by=1)
        world.engine.run_process("tenfold")
        with pytest.raises(Declared):
            await world.engine.execute_process_async("add", by=500, fail=True)
        inside: int = ctx.domain.n
        if fail:
            raise Declared
        return inside

    world.engine.register_process("outer", outer)

    async def program() -> None:
        with pytest.raises(Declared):
            await world.engine.execute_process_async("outer", fail=True)
        assert (world.domain.n, world.engine.version) == (1, 0)
        assert await world.engine.execute_process_async("outer", fail=False) == 20

    loop(program)
    assert (world.domain.n, world.engine.version) == (20, 1)


def test_what_other_tasks_run_is_not(loop: Callable[..., Any]) -> None:
    """While a process is suspended, another task's process is a transaction of its own."""
    world = World(a=0, b=0)
    inside, go = [anyio.Event() for _ in range(2)]

    @process([], ["domain.a"], errors=[Declared])
    async def hold(ctx: Any) -> None:
        ctx.domain.a = 1
        inside.set()
        await go.wait()
        raise Declared

    @process([], ["domain.b"])
    def beside(ctx: Any) -> None:
        ctx.domain.b = 1

    world.engine.register_process("hold", hold)
    world.engine.register_process("beside", beside)

    async def other() -> None:
        await inside.wait()
        world.engine.run_process("beside")
        assert (world.domain.a, world.domain.b) == (0, 1)
        go.set()

    async def program() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            with pytest.raises(Declared):
                await world.engine.execute_process_async("hold")

    loop(program)
    assert (world.domain.a, world.domain.b, world.engine.version) == (0, 1, 1)


def test_a_task_that_a_process_makes_is_another_task(loop: Callable[..., Any]) -> None:
    """What it runs commits by itself, and stays when the process that made it fails."""
    world = World(a=0, b=0)

    @process([], ["domain.b"])
    async def child(ctx: Any) -> None:
        await anyio.sleep(0)
        ctx.domain.b = 1

    @process([], ["domain.a"], errors=[Declared])
    async def parent(ctx: Any) -> None:
        ctx.domain.a = 1
        async with anyio.create_task_group() as group:
            group.start_soon(world.engine.execute_process_async, "child")
        raise Declared

    world.engine.register_process("child", child)
    world.engine.register_process("parent", parent)

    async def program() -> None:
        with pytest.raises(Declared):
            await world.engine.execute_process_async("parent")

    loop(program)
    assert (world.domain.a, world.domain.b) == (0, 1)


def test_a_timeout_rolls_back(loop: Callable[..., Any]) -> None:
    """TimeoutError after the given time; the engine goes on."""
    world = world_of(add, n=1)

    @process([], ["domain"])
    async def forever(ctx: Any) -> None:
        ctx.domain.n = 9
        await anyio.sleep_forever()

    world.engine.register_process("forever", forever)

    async def program() -> None:
        with pytest.raises(TimeoutError):
            await world.engine.execute_process_async("forever", timeout=0.01)
        assert world.domain.n == 1
        await world.engine.execute_process_async("add", timeout=LIMIT)

    loop(program)
    assert world.domain.n == 2


def test_a_cancelled_process_rolls_back(loop: Callable[..., Any]) -> None:
    """L22: the loop's own cancellation passes, whatever the process does about Exception."""
    world = world_of(add, n=1)
    inside = anyio.Event()

    @process([], ["domain"])
    async def stubborn(ctx: Any) -> None:
        ctx.domain.n = 9
        inside.set()
        try:
            await anyio.sleep_forever()
        except Exception:
            ctx.domain.n = 10

    world.engine.register_process("stubborn", stubborn)

    async def program() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(world.engine.execute_process_async, "stubborn")
            await inside.wait()
            group.cancel_scope.cancel()
        assert world.domain.n == 1
        await world.engine.execute_process_async("add")

    loop(program)
    assert world.domain.n == 2


def test_views_die_with_their_process(loop: Callable[..., Any]) -> None:
    """M3: a view kept past an await of another task is stale once its process is over."""
    world = World(items=[1])
    kept: list[Any] = []

    @process([], ["domain"])
    async def leak(ctx: Any) -> None:
        kept.append(ctx.domain.items)
        await anyio.sleep(0)

    world.engine.register_process("leak", leak)

    async def program() -> None:
        await world.engine.execute_process_async("leak")
        with pytest.raises(StaleViewError):
            kept[0].append(2)

    loop(program)
    assert world.domain.items == [1]


def test_side_effects_forbid_a_second_run(loop: Callable[..., Any]) -> None:
    """A loser that declares side effects raises, and its side effect has happened once."""
    world = world_of(tenfold, n=1)
    sent: list[int] = []
    inside, go = [anyio.Event() for _ in range(2)]

    @process([], ["domain.n"], side_effects=["mail"])
    async def send(ctx: Any) -> None:
        n = ctx.domain.n
        sent.append(n)
        inside.set()
        await go.wait()
        ctx.domain.n = n + 1

    world.engine.register_process("send", send)

    async def other() -> None:
        await inside.wait()
        world.engine.run_process("tenfold")
        go.set()

    async def program() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            with pytest.raises(TransactionConflictError, match="'tenfold', which committed"):
                await world.engine.execute_process_async("send")

    loop(program)
    assert (world.domain.n, sent) == (10, [1])


def test_an_edit_block_in_a_task(loop: Callable[..., Any]) -> None:
    """It may be left at an await; what its task runs is part of it, other tasks see none of it."""
    world = world_of(tenfold, n=1)
    inside, go = [anyio.Event() for _ in range(2)]

    async def other() -> None:
        await inside.wait()
        assert world.domain.n == 1
        go.set()

    async def program() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            with world.engine.edit() as ctx:
                ctx.domain_ctx.n = 2
                inside.set()
                await go.wait()
                world.engine.run_process("tenfold")

    loop(program)
    assert (world.domain.n, world.engine.version) == (20, 1)


def test_the_audit_judges(loop: Callable[..., Any]) -> None:
    """Both gates are asked, and what they refuse is rolled back."""
    rules = ProcessRecipe(
        "add",
        input_rules=[RuleSpec("by", "max", 5, "B")],
        output_rules=[RuleSpec("domain.n", "max", 5, "B")],
    )
    world = World(n=1)
    engine = TheusEngine(world.ctx, strict_mode=True, audit_recipe=AuditRecipe({"add": rules}))
    engine.register_process("add", add)

    async def program() -> None:
        for by in (6, 5):
            with pytest.raises(AuditBlockError):
                await engine.execute_process_async("add", by=by)

    loop(program)
    assert world.domain.n == 1


@pytest.mark.parametrize("awaited", [True, False])
def test_a_call_that_is_repeated_counts_once(loop: Callable[..., Any], awaited: bool) -> None:
    """A2: the audit counts an awaited call as it counts any other, however often it lost."""
    to_lose = 0

    class Late(Plain):
        def after_all(self) -> int:
            """Be asked by the last rule: whoever commits now is met by the commit itself."""
            lose()
            return 9

    def lose() -> None:
        nonlocal to_lose
        if to_lose > 0:
            to_lose -= 1
            writer = threading.Thread(target=engine.run_process, args=("beside",))
            writer.start()
            writer.join(LIMIT)

    @process([], ["domain.n"])
    def beside(ctx: Any) -> None:
        ctx.domain.n += 1

    attempts = 0

    @process([], ["domain.n"], errors=[Declared])
    def push(ctx: Any, by: int, fail: bool) -> None:
        nonlocal attempts
        attempts += 1
        before = ctx.domain.n
        if fail:
            lose()
        ctx.domain.n = before + 1
        if fail:
            raise Declared

    @process([], ["domain.n"], errors=[Declared])
    async def push_later(ctx: Any, by: int, fail: bool) -> None:
        nonlocal attempts
        attempts += 1
        before = ctx.domain.n
        await anyio.sleep(0)
        if fail:
            lose()
        ctx.domain.n = before + 1
        if fail:
            raise Declared

    rules = ProcessRecipe(
        "push",
        input_rules=[RuleSpec("by", "max", 5, "B", min_threshold=2, max_threshold=4)],
        output_rules=[RuleSpec("domain.after_all()", "max", 5, "S", max_threshold=3)],
    )
    domain = Late(n=0)
    ctx = Plain(domain_ctx=domain, global_ctx=Plain())
    engine = TheusEngine(ctx, strict_mode=True, audit_recipe=AuditRecipe({"push": rules}))
    engine.register_process("beside", beside)
    engine.register_process("push", push_later if awaited else push)

    async def call(lost: int, fail: bool = False) -> int:
        nonlocal to_lose, attempts
        to_lose, attempts = lost, 0
        if awaited:
            await engine.execute_process_async("push", by=9, fail=fail)
        else:
            engine.run_process("push", by=9, fail=fail)
        return attempts

    async def program() -> None:
        assert await call(lost=2) == 3
        with pytest.raises(Declared):
            await call(lost=2, fail=True)
        assert attempts == 3
        assert await call(lost=1) == 2
        with pytest.raises(AuditBlockError, match="by is 9"):
            await call(lost=0)
        with pytest.raises(AuditInterlockError, match="after_all"):
            await call(lost=0)

    loop(program)
    told = [(event.gate, event.outcome, event.count) for event in engine.audit_log]
    engine.close()
    assert told == [
        ("input", "counted", 1),
        ("output", "counted", 1),
        ("input", "warned", 2),
        ("input", "warned", 3),
        ("output", "counted", 2),
        ("input", "acted", 4),
        ("input", "counted", 1),
        ("output", "acted", 3),
    ]
    assert domain.n == 2 + 1 + 2 + 1 + 1


def test_a_workflow(loop: Callable[..., Any]) -> None:
    """Its processes may be async, parallel branches are awaited together, errors are caught."""
    world = world_of(add, tenfold, n=1, a=0, b=0)
    meet = [anyio.Event(), anyio.Event()]

    def branch(mine: int) -> Callable[..., Any]:
        @process([], [f"domain.{'ab'[mine]}"])
        async def body(ctx: Any) -> None:
            setattr(ctx.domain, "ab"[mine], 1)
            meet[mine].set()
            await meet[1 - mine].wait()

        return body

    world.engine.register_process("left", branch(0))
    world.engine.register_process("right", branch(1))
    steps = [
        "add",
        {"flux": "while", "condition": "domain.n < 100", "do": ["tenfold"]},
        {"flux": "parallel", "branches": [["left"], ["right"]]},
        {"flux": "try", "do": [{"process": "add", "args": {"fail": True}}],
         "catch": {"Declared": ["tenfold"]}},
    ]  # fmt: skip

    async def program() -> Any:
        return await world.engine.execute_workflow_async({"steps": steps})

    assert loop(program) is world.ctx
    assert (world.domain.n, world.domain.a, world.domain.b) == (2000, 1, 1)


def test_a_cancelled_workflow_cleans_up() -> None:
    """What stands under finally is run, and the cancellation reaches the caller."""
    world = world_of(tenfold, n=1)
    inside = anyio.Event()

    @process([], ["domain"])
    async def hang(ctx: Any) -> None:
        ctx.domain.n = 5
        inside.set()
        await anyio.sleep_forever()

    world.engine.register_process("hang", hang)
    steps = [{"flux": "try", "do": ["hang"], "finally": ["tenfold"]}]

    async def program() -> None:
        task = asyncio.create_task(world.engine.execute_workflow_async({"steps": steps}))
        await inside.wait()
        task.cancel()
        with pytest.raises((asyncio.CancelledError, FluxCancelledError)):
            await task

    asyncio.run(program())
    assert world.domain.n == 10


def test_the_loop_goes_on(loop: Callable[..., Any]) -> None:
    """C11: while processes conflict, back off and wait for priority, other tasks run."""
    world = world_of(add, n=0)
    beats = 0
    over = False

    async def heart() -> None:
        nonlocal beats
        while not over:
            beats += 1
            await anyio.sleep(0)

    async def work() -> None:
        for _ in range(10):
            await world.engine.execute_process_async("add")

    async def program() -> None:
        nonlocal over
        async with anyio.create_task_group() as group:
            group.start_soon(heart)
            async with anyio.create_task_group() as workers:
                for _ in range(10):
                    workers.start_soon(work)
            over = True

    loop(program)
    assert world.domain.n == 100
    assert beats >= 100


def test_threads_beside_the_loop(loop: Callable[..., Any]) -> None:
    """Tasks and threads share an engine: no increment of either is lost."""
    world = world_of(add, n=0)

    @process([], ["domain.n"])
    def one(ctx: Any) -> None:
        ctx.domain.n += 1

    world.engine.register_process("one", one)
    errors: list[BaseException] = []

    def thread() -> None:
        try:
            for _ in range(200):
                world.engine.run_process("one")
        except BaseException as error:
            errors.append(error)

    async def task() -> None:
        for _ in range(20):
            await world.engine.execute_process_async("add")

    async def program() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(task)

    threads = [threading.Thread(target=thread) for _ in range(3)]
    for each in threads:
        each.start()
    loop(program)
    for each in threads:
        each.join(LIMIT)
    assert errors == []
    assert world.domain.n == 700


def test_a_dropped_coroutine_rolls_back() -> None:
    """A call that nobody finishes leaves nothing: no write, no open transaction, no reference."""

    @process([], ["domain"])
    async def hang(ctx: Any) -> None:
        ctx.domain.n = 5
        await anyio.sleep_forever()

    world = world_of(hang, tenfold, n=1)
    gone = weakref.ref(world)

    async def program(engine: TheusEngine) -> None:
        call = engine.execute_process_async("hang")
        call.send(None)
        call.close()

    asyncio.run(program(world.engine))
    world.engine.run_process("tenfold")
    assert (world.domain.n, world.engine.version) == (10, 1)
    world.engine.close()
    del world
    gc.collect()
    assert gone() is None


def test_training_mode_awaits_too() -> None:
    """The raw context, and nothing else."""
    world = World(strict=False, n=1)

    @process([], ["domain.n"])
    async def fail(ctx: Any) -> None:
        ctx.domain_ctx.n += 1
        await anyio.sleep(0)
        raise Declared

    world.engine.register_process("fail", fail)
    with pytest.raises(Declared):
        asyncio.run(world.engine.execute_process_async("fail"))
    assert world.domain.n == 2


def test_the_end_of_the_loop_ends_the_processes() -> None:
    """A loop that is closed over suspended processes: the program ends, nothing is committed."""
    program = """
    import asyncio
    from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
    class Domain(BaseDomainContext):
        def __init__(self): self.n = 1
    engine = TheusEngine(BaseSystemContext(None, Domain()), strict_mode=True)
    @process([], ["domain"])
    async def hang(ctx):
        ctx.domain.n = 2
        await asyncio.Event().wait()
    engine.register_process("hang", hang)
    async def main():
        tasks = [asyncio.create_task(engine.execute_process_async("hang")) for _ in range(5)]
        await asyncio.sleep(0)
    asyncio.run(main())
    print(engine.ctx.domain_ctx.n, engine.version)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == ("1 0\n", "", 0)
