"""Training mode hands the process the raw context and does nothing else."""

import asyncio
import contextvars
import copy
import gc
import inspect
import logging
import os
import pickle
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Bank, System
from harness import Undeclared, World

from theus import BaseSystemContext, TheusEngine, UnknownProcessError, process
from theus.orchestrator import WorkflowManager


@pytest.fixture
def world() -> World:
    """A world in training mode."""
    return World(strict=False, n=1, items=[1], _secret=5)


def test_the_process_gets_the_context_itself(world: World) -> None:
    """The very object, with everything in it, private and undeclared names included."""
    assert world.run(lambda ctx: ctx, outputs=[]) is world.ctx
    assert world.run(lambda ctx: ctx.domain_ctx._secret, outputs=[]) == 5
    assert world.run(lambda ctx: ctx.domain_ctx.items, outputs=[]) is world.domain.items


def test_writes_are_immediate_and_stay(world: World) -> None:
    """No guard, no transaction, no rollback."""

    def body(ctx: Any) -> None:
        ctx.domain_ctx.n = 2
        assert world.domain.n == 2
        ctx.domain_ctx.items.append(2)
        raise Undeclared("as it is")

    with pytest.raises(Undeclared, match="as it is"):
        world.run(body, outputs=[])
    assert (world.domain.n, world.domain.items, world.engine.version) == (2, [1, 2], 0)


def test_any_value_may_live_there(world: World) -> None:
    """What strict mode refuses is nobody's business here."""
    world.run(lambda ctx: setattr(ctx.domain_ctx, "x", {1, 2}), outputs=[])
    assert world.domain.x == {1, 2}


def test_edit_gives_the_context(world: World) -> None:
    """edit() works in both modes; here it is the context, and nothing is undone."""
    with world.engine.edit() as ctx:
        assert ctx is world.ctx
        ctx.domain_ctx.n = 2
    assert world.domain.n == 2


def test_arguments_and_results_pass(world: World) -> None:
    """Arguments, defaults and results are those of the function; errors are Python's own."""
    mark = object()
    assert world.run(lambda ctx, x, y=2: (x, y), x=mark) == (mark, 2)
    with pytest.raises(TypeError, match="unexpected keyword"):
        world.run(lambda ctx, x: x, y=1)


def test_unknown_processes_and_bad_contracts_are_refused_here_too(world: World) -> None:
    """What is registered is checked in either mode."""
    with pytest.raises(UnknownProcessError):
        world.engine.run_process("nothing")
    with pytest.raises(TypeError, match="outputs"):
        world.engine.register_process("bad", process([], "domain")(lambda ctx: None))  # type: ignore[arg-type]


def test_signals_as_inputs_are_accepted(world: World) -> None:
    """The zone policy belongs to strict mode."""
    world.domain.sig_go = True
    assert world.run(lambda ctx: ctx.domain_ctx.sig_go, inputs=["domain.sig_go"])


def test_processes_nest_freely(world: World) -> None:
    """There is no transaction, so there is no bound of nesting but Python's."""

    @process([], [])
    def down(ctx: Any, left: int) -> int:
        return left if left == 0 else int(world.engine.run_process("down", left=left - 1))

    world.engine.register_process("down", down)
    assert world.engine.run_process("down", left=100) == 0


def test_one_contract_two_modes() -> None:
    """A well-behaved process leaves the same in both modes."""

    def body(ctx: Any) -> list[int]:
        ctx.domain_ctx.items.append(len(ctx.domain_ctx.items))
        ctx.domain_ctx.n += 1
        return list(ctx.domain_ctx.items)

    strict, training = World(n=1, items=[5]), World(strict=False, n=1, items=[5])
    assert strict.run(body) == training.run(body) == [5, 1]
    assert vars(strict.domain) == vars(training.domain)
    assert isinstance(training.engine, TheusEngine)
    assert (strict.engine.strict_mode, training.engine.strict_mode) == (True, False)


# ---- ctx.local and ctx.log -----------------------------------------------------------------------


class Kept:
    """Something that ctx.local can hold, and that tells when it is gone."""


@pytest.fixture
def training() -> Iterator[TheusEngine[System]]:
    """An engine in training mode over the sample context, which derives from the base class."""
    with TheusEngine(System(), strict_mode=False) as engine:
        yield engine


def add(engine: TheusEngine[Any], *bodies: Callable[..., Any]) -> None:
    """Register bodies under their own names, allowed everything."""
    for body in bodies:
        engine.register_process(body.__name__, process([], ["domain"])(body))


def scratch(ctx: Any) -> dict[str, Any] | None:
    """What stands in ctx.local; None where there is none."""
    return dict(vars(ctx.local)) if hasattr(ctx, "local") else None


def test_a_body_with_local_and_log_runs_in_both_modes(
    build: Callable[..., TheusEngine[System]], caplog: pytest.LogCaptureFixture
) -> None:
    """Law: what uses ctx.domain, ctx.local and ctx.log does the same in both modes."""

    def note(ctx: Any, by: int) -> int:
        assert isinstance(ctx.local, SimpleNamespace)
        assert scratch(ctx) == {}
        ctx.local.sum = ctx.domain.balance + by
        ctx.log.warning("sum", of=ctx.local.sum)
        assert ctx.local is ctx.local
        assert ctx.log is ctx.log
        ctx.domain.balance = ctx.local.sum
        return int(ctx.local.sum)

    engine = build()
    add(engine, note)
    assert [engine.run_process("note", by=1), engine.run_process("note", by=2)] == [101, 103]
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("POP_PROCESS", "[note] sum {of=101}"),
        ("POP_PROCESS", "[note] sum {of=103}"),
    ]
    assert engine.ctx.domain.balance == 103


def test_an_inner_call_has_its_own(build: Callable[..., TheusEngine[System]]) -> None:
    """Law: each call has its own two, a call of the same process included, as in strict mode."""

    def down(ctx: Any, left: int) -> list[str]:
        assert scratch(ctx) == {}
        ctx.local.left = left
        below = [] if left == 0 else engine.run_process("down", left=left - 1)
        assert scratch(ctx) == {"left": left}
        return [*below, ctx.log.extra["process"] + str(ctx.local.left)]

    engine = build()
    add(engine, down)
    assert engine.run_process("down", left=3) == ["down0", "down1", "down2", "down3"]


def test_a_deep_recursion(training: TheusEngine[System]) -> None:
    """Law: hundreds of calls inside each other have a namespace each."""

    def down(ctx: Any, left: int) -> int:
        ctx.local.left = left
        below = 0 if left == 0 else training.run_process("down", left=left - 1)
        return int(below) + int(ctx.local.left == left)

    add(training, down)
    assert training.run_process("down", left=300) == 301


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_of_a_call_drops_its_local(training: TheusEngine[System], fails: bool) -> None:
    """Law: what ctx.local held dies with the call, failed or not; the namespace does if let go."""
    alive: list[weakref.ref[Any]] = []

    def hold(ctx: Any) -> None:
        ctx.local.kept = Kept()
        ctx.log.debug("held")
        alive.extend((weakref.ref(ctx.local.kept), weakref.ref(ctx.log)))
        if fails:
            raise Undeclared

    add(training, hold)
    gc.disable()  # it is the reference that ends, not a collection that comes by
    try:
        for _ in range(3):
            try:
                training.run_process("hold")
            except Undeclared:
                assert fails
            assert [ref() for ref in alive] == [None] * len(alive)
    finally:
        gc.enable()
    assert training.run_process("hold") is None if not fails else len(alive) == 6


def test_a_namespace_may_outlive_its_call(training: TheusEngine[System]) -> None:
    """Law: a result may be ctx.local itself; the next call has another one."""

    def give(ctx: Any) -> Any:
        ctx.local.x = 1
        return ctx.local

    add(training, give)
    first, second = training.run_process("give"), training.run_process("give")
    assert first is not second
    assert vars(first) == vars(second) == {"x": 1}


def test_code_that_runs_as_the_namespace_dies(training: TheusEngine[System]) -> None:
    """Law: when what ctx.local held is destroyed, the call is over, and the outer one goes on."""
    seen: list[Any] = []

    class Last:
        def __del__(self) -> None:
            seen.append(scratch(training.ctx))
            training.run_process("inner")

    def inner(ctx: Any) -> None:
        ctx.local.n = 1

    def leaf(ctx: Any) -> None:
        ctx.local.last = Last()

    def outer(ctx: Any) -> None:
        ctx.local.x = 1
        training.run_process("leaf")
        seen.append(scratch(ctx))

    add(training, inner, leaf, outer)
    training.run_process("outer")
    training.run_process("leaf")
    assert seen == [{"x": 1}, {"x": 1}, None]


def test_outside_of_a_call_there_are_none(training: TheusEngine[System]) -> None:
    """Law: outside of any call both raise AttributeError with the reason, in a direct call too."""

    def body(ctx: Any) -> Any:
        return ctx.local

    for name in ("local", "log"):
        with pytest.raises(AttributeError) as caught:
            getattr(training.ctx, name)
        assert str(caught.value) == (
            f"'System' object has no attribute '{name}' here: ctx.{name} belongs to one call of a "
            "process, and none that was given this context is running"
        )
        assert getattr(training.ctx, name, 5) == 5
        with pytest.raises(AttributeError, match=f"type object 'System' has no attribute '{name}'"):
            getattr(System, name)
    with pytest.raises(AttributeError, match="belongs to one call"):
        body(training.ctx)


def test_the_context_of_a_strict_engine_has_none() -> None:
    """Law: in strict mode the view supplies both, and the context behind it has neither."""
    with TheusEngine(System(), strict_mode=True) as engine:

        def body(ctx: Any) -> None:
            ctx.local.x = 1
            assert not hasattr(engine.ctx, "local")
            assert not hasattr(engine.ctx, "log")
            assert "x" in vars(ctx.local)

        add(engine, body)
        engine.run_process("body")


def test_each_context_has_its_own(training: TheusEngine[System]) -> None:
    """Law: a context answers for the innermost call that was given it, not for those of others."""
    with TheusEngine(System(), strict_mode=False) as other:

        def inner(ctx: Any) -> None:
            ctx.local.inner = True
            assert scratch(ctx) == {"inner": True}
            assert scratch(training.ctx) == {"outer": True}

        def outer(ctx: Any) -> None:
            ctx.local.outer = True
            assert scratch(other.ctx) is None
            other.run_process("inner")
            assert scratch(ctx) == {"outer": True}

        add(other, inner)
        add(training, outer)
        training.run_process("outer")


def test_a_helper_of_the_process_has_the_same(training: TheusEngine[System]) -> None:
    """Law: what a process calls as a function, generators included, is part of the call."""

    def helper(ctx: Any) -> Iterator[int]:
        ctx.local.n += 1
        yield ctx.local.n
        yield ctx.local.n * 10

    def body(ctx: Any) -> list[int]:
        ctx.local.n = 1
        return [*helper(ctx)]

    add(training, body)
    assert training.run_process("body") == [2, 20]


def test_a_generator_that_outlives_its_call(training: TheusEngine[System]) -> None:
    """Law: a process that is a generator runs after its call, where there is no ctx.local."""

    def numbers(ctx: Any) -> Iterator[Any]:
        yield scratch(ctx)

    def later() -> Any:
        async def body(ctx: Any) -> Any:
            return scratch(ctx)

        return body

    add(training, numbers, later())
    assert list(training.run_process("numbers")) == [None]
    assert asyncio.run(training.run_process("body")) is None


def test_threads_do_not_share_them(training: TheusEngine[System]) -> None:
    """Law: calls in several threads at once have a namespace each; a bare thread has none."""
    meet = threading.Barrier(4, timeout=30)
    seen: list[Any] = []

    def mine(ctx: Any, n: int) -> None:
        ctx.local.n = n
        meet.wait()
        training.run_process("other")
        meet.wait()
        seen.append((n, scratch(ctx)))

    def other(ctx: Any) -> None:
        assert scratch(ctx) == {}
        ctx.local.n = -1

    def bare() -> None:
        meet.wait()
        seen.append((3, scratch(training.ctx)))
        meet.wait()

    add(training, mine, other)
    threads = [
        threading.Thread(target=training.run_process, args=("mine",), kwargs={"n": n})
        for n in range(3)
    ]
    threads.append(threading.Thread(target=bare))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [(0, {"n": 0}), (1, {"n": 1}), (2, {"n": 2}), (3, None)]


def test_awaited_calls_do_not_share_them(
    build: Callable[..., TheusEngine[System]], caplog: pytest.LogCaptureFixture
) -> None:
    """Law: several tasks of one thread have a namespace each, across every await."""

    async def hold(ctx: Any, n: int) -> dict[str, Any] | None:
        assert scratch(ctx) == {}
        ctx.local.n = n
        for turn in range(3):
            await asyncio.sleep(0)
            assert scratch(ctx) == {"n": n, "turns": turn} if turn else {"n": n}
            ctx.local.turns = turn + 1
        ctx.log.warning("held", n=ctx.local.n)
        return scratch(ctx)

    engine = build()
    add(engine, hold)

    async def program() -> list[Any]:
        calls = [engine.execute_process_async("hold", n=n) for n in range(4)]
        return await asyncio.gather(*calls)

    assert asyncio.run(program()) == [{"n": n, "turns": 3} for n in range(4)]
    assert {record.getMessage() for record in caplog.records} == {
        f"[hold] held {{n={n}}}" for n in range(4)
    }
    assert scratch(engine.ctx) is None


def test_calls_in_awaited_calls(build: Callable[..., TheusEngine[System]]) -> None:
    """Law: awaited in plain, plain in awaited, awaited in awaited: the innermost one counts."""
    order: list[str] = []

    def note(ctx: Any, name: str) -> None:
        assert scratch(ctx) == {}
        ctx.local.name = name
        order.append(name)

    def plain_call(ctx: Any) -> None:
        note(ctx, "plain")
        contextvars.copy_context().run(check, ctx, "plain")

    def check(ctx: Any, name: str) -> None:
        assert scratch(ctx) == {"name": name}

    async def leaf(ctx: Any) -> None:
        note(ctx, "leaf")
        await asyncio.sleep(0)
        engine.run_process("plain_call")
        check(ctx, "leaf")

    async def middle(ctx: Any) -> None:
        note(ctx, "middle")
        engine.run_process("plain_call")
        await engine.execute_process_async("leaf")
        await engine.execute_process_async("plain_call")
        check(ctx, "middle")

    engine = build()
    add(engine, plain_call, leaf, middle)
    asyncio.run(engine.execute_process_async("middle"))
    assert order == ["middle", "plain", "leaf", "plain", "plain"]


def test_an_event_loop_inside_a_process(training: TheusEngine[System]) -> None:
    """Law: what a loop inside a process runs belongs to the process, but for calls of its own."""

    async def leaf(ctx: Any) -> None:
        ctx.local.leaf = True
        await asyncio.sleep(0)
        training.run_process("tip")
        assert scratch(ctx) == {"leaf": True}

    def tip(ctx: Any) -> None:
        assert scratch(ctx) == {}
        ctx.local.tip = True

    def outer(ctx: Any) -> None:
        async def program() -> None:
            assert scratch(ctx) == {"outer": True}
            await asyncio.gather(*(training.execute_process_async("leaf") for _ in range(2)))
            assert scratch(ctx) == {"outer": True}

        ctx.local.outer = True
        asyncio.run(program())
        assert scratch(ctx) == {"outer": True}

    add(training, leaf, tip, outer)
    training.run_process("outer")


def test_a_task_that_goes_on_while_another_process_runs_the_loop(
    training: TheusEngine[System],
) -> None:
    """Law: an awaited call keeps its own also where a later plain call drives its loop."""

    async def wait(ctx: Any, gate: asyncio.Event) -> Any:
        ctx.local.waits = True
        await gate.wait()
        training.run_process("short")
        return scratch(ctx)

    def short(ctx: Any) -> None:
        ctx.local.short = True

    add(training, wait, short)
    loop = asyncio.new_event_loop()
    gate = asyncio.Event()

    async def begin() -> asyncio.Task[Any]:
        task = asyncio.ensure_future(training.execute_process_async("wait", gate=gate))
        await asyncio.sleep(0)
        return task

    def push(ctx: Any) -> Any:
        ctx.local.pushes = True
        gate.set()
        waited = loop.run_until_complete(task)
        return waited, scratch(ctx)

    add(training, push)
    task = loop.run_until_complete(begin())
    assert training.run_process("push") == ({"waits": True}, {"pushes": True})
    loop.close()


def test_what_an_awaited_call_starts_is_part_of_it(training: TheusEngine[System]) -> None:
    """Law: tasks and threads that are given its context have its namespace, until it has ended."""
    late: list[asyncio.Task[Any]] = []

    async def child(ctx: Any, gate: asyncio.Event | None = None) -> Any:
        if gate is not None:
            await gate.wait()
        return scratch(ctx)

    def inner(ctx: Any) -> Any:
        return scratch(ctx)

    async def parent(ctx: Any, gate: asyncio.Event) -> Any:
        ctx.local.n = 1
        late.append(asyncio.create_task(child(ctx, gate)))
        return [
            await asyncio.create_task(child(ctx)),
            await asyncio.to_thread(scratch, ctx),
            await asyncio.to_thread(training.run_process, "inner"),
        ]

    async def program() -> Any:
        gate = asyncio.Event()
        done = await training.execute_process_async("parent", gate=gate)
        gate.set()
        return [*done, await late[0]]

    add(training, inner, parent)
    assert asyncio.run(program()) == [{"n": 1}, {"n": 1}, {}, None]
    late.clear()


@pytest.mark.parametrize("how", ["return", "raise", "cancel", "drop"])
def test_the_end_of_an_awaited_call_drops_its_local(
    training: TheusEngine[System], how: str
) -> None:
    """Law: however an awaited call ends, what ctx.local held is let go then."""
    alive: list[weakref.ref[Any]] = []

    async def hold(ctx: Any) -> None:
        ctx.local.kept = Kept()
        alive.append(weakref.ref(ctx.local.kept))
        await asyncio.sleep(0)
        if how == "raise":
            raise Undeclared
        if how == "cancel":
            await asyncio.sleep(60)

    async def program() -> None:
        if how == "drop":
            call = training.execute_process_async("hold")
            call.send(None)
            call.close()
        else:
            task = asyncio.create_task(training.execute_process_async("hold"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if how == "cancel":
                task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() == (how == "cancel")
            failed = None if task.cancelled() else task.exception()
            assert isinstance(failed, Undeclared) == (how == "raise")
        assert scratch(training.ctx) is None

    add(training, hold)
    asyncio.run(program())
    gc.collect()
    assert alive[0]() is None


def test_workflows_and_machines(training: TheusEngine[System]) -> None:
    """Law: each step of a workflow, and what a state machine runs, is a call of its own."""
    seen: list[Any] = []

    def step(ctx: Any) -> None:
        ctx.local.n = len(vars(ctx.local))
        seen.append(scratch(ctx))
        ctx.domain.balance += 1

    add(training, step)
    training.execute_workflow("- {flux: while, condition: 'domain.balance < 103', do: step}")
    parallel = "- step\n- {flux: parallel, branches: [step, step]}"
    asyncio.run(training.execute_workflow_async(parallel))
    with WorkflowManager(training) as manager:
        manager.load_workflow(
            "initial: A\nstates:\n  A: {on: {GO: B}}\n  B: {entry: [step], on: {X: A}}\n"
        )
        manager.process_signal("GO")
    assert seen == [{"n": 0}] * 7
    assert scratch(training.ctx) is None


@dataclass
class Own(BaseSystemContext):
    """A root with fields of these names: one without a default, one with."""

    local: list[int]  # type: ignore[assignment]
    log: str = "mine"  # type: ignore[assignment]


class Late(BaseSystemContext):
    """A root that gets such a field where nobody expects it."""

    def __init__(self) -> None:
        super().__init__(None, Bank())
        self.log = "mine"  # type: ignore[assignment, misc]


def test_a_field_of_that_name_goes_first() -> None:
    """Law: fields called local and log are the user's, with the defaults that were declared."""
    with pytest.raises(TypeError, match="'local'"):
        Own(None, Bank())  # type: ignore[call-arg]
    own, late = Own(None, Bank(), [1]), Late()
    assert (own.local, own.log, late.log) == ([1], "mine", "mine")
    for root in (own, late):
        with TheusEngine(root, strict_mode=False) as engine:
            add(engine, log := lambda ctx: ctx.log)
            del log
            assert engine.run_process("<lambda>") == "mine"
        with pytest.raises(TypeError, match="of Theus"):
            TheusEngine(root, strict_mode=True)


def test_a_getattr_of_the_root_is_asked_where_no_call_runs() -> None:
    """Law: a root that answers every name answers these, but in a call."""

    class Open(BaseSystemContext):
        def __getattr__(self, name: str) -> str:
            return name

    with TheusEngine(Open(None, None), strict_mode=False) as engine:
        add(engine, scratch)
        assert engine.run_process("scratch") == {}
        assert engine.ctx.local == "local"  # type: ignore[comparison-overlap]


def test_a_strict_engine_made_in_a_process_of_training_mode(training: TheusEngine[System]) -> None:
    """Law: what a running call supplies is no field of the root."""

    def make(ctx: Any) -> None:
        assert scratch(ctx) == {}
        assert ctx.log
        TheusEngine(ctx, strict_mode=True).close()

    add(training, make)
    training.run_process("make")


def test_the_two_are_no_fields(training: TheusEngine[System]) -> None:
    """Law: nothing that lists, copies or saves a context meets them, in a call or outside."""

    def look(ctx: System) -> None:
        ctx.local.x = 1
        ctx.log.debug("x")
        assert [each.name for each in fields(ctx)] == ["global_ctx", "domain_ctx"]
        assert ctx.to_dict() == {"global_ctx": {"most": 1000}, "domain_ctx": ctx.domain.to_dict()}
        assert set(asdict(ctx)) == {"global_ctx", "domain_ctx"}
        for twin in (
            copy.copy(ctx),
            copy.deepcopy(ctx),
            replace(ctx),
            pickle.loads(pickle.dumps(ctx)),
        ):
            assert twin == ctx
            assert set(twin.__dict__) == {"global_ctx", "domain_ctx"}
        assert "local" not in repr(ctx)
        assert "local" not in repr(training.tree())

    look_at = System()
    with TheusEngine(look_at, strict_mode=False) as engine:
        add(engine, look)
        engine.run_process("look")
    names = dict(inspect.getmembers(System()))
    assert names["domain"] == Bank()


def test_nothing_is_left_on_the_object(training: TheusEngine[System]) -> None:
    """Law: calls leave no attribute behind, neither on the root nor on its class."""
    before = set(vars(System)), set(vars(BaseSystemContext)), set(training.ctx.__dict__)

    def use(ctx: Any) -> None:
        ctx.local.x = 1
        ctx.log.debug("x")

    add(training, use)
    training.run_process("use")
    after = set(vars(System)), set(vars(BaseSystemContext)), set(training.ctx.__dict__)
    assert after == before


def test_other_roots_have_them_if_they_define_them() -> None:
    """Law: only the base class supplies them; another root is left as it is."""
    with TheusEngine(
        SimpleNamespace(global_ctx=None, domain_ctx=None), strict_mode=False
    ) as engine:
        add(engine, scratch)
        assert engine.run_process("scratch") is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
def test_a_child_that_was_forked_in_a_call(training: TheusEngine[System]) -> None:
    """Law: a child goes on in the call it was forked in, with a namespace of its own."""

    def split(ctx: Any) -> int:
        ctx.local.n = 1
        pid = os.fork()
        if pid == 0:
            good = scratch(ctx) == {"n": 1}
            ctx.local.n = 2
            os._exit(0 if good else 1)
        _, status = os.waitpid(pid, 0)
        assert scratch(ctx) == {"n": 1}
        return status

    add(training, split)
    assert training.run_process("split") == 0


def test_a_logger_costs_nothing_until_it_is_asked_for(training: TheusEngine[System]) -> None:
    """Law: both are made when they are first read, once a call."""
    made: list[Any] = []

    def read(ctx: Any) -> bool:
        made.extend((ctx.local, ctx.log))
        return ctx.local is made[-2] and ctx.log is made[-1]

    add(training, read)
    assert training.run_process("read")
    assert isinstance(made[1], logging.LoggerAdapter)
    assert made[1].extra == {"process": "read"}
