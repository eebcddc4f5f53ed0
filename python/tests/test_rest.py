"""Runs at rest: what a run leaves ready for the next one of its process is nobody's way in.

A run that wrote nothing keeps its scope and the view of its context for the next (rest.c). None of
that may be seen: each run is as new.
"""

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from harness import Declared, World
from model import Plain
from test_threads import LIMIT, together

from theus import StaleViewError, TheusEngine, process


@pytest.fixture
def world() -> World:
    """A world with two processes that have run: one does nothing, one reads a field."""
    made = World(n=1, items=[1, 2, 3])

    @process(["domain"], ["domain.items"])
    def nothing(ctx: Any) -> None:
        pass

    @process(["domain"], ["domain.items"])
    def reading(ctx: Any) -> Any:
        return ctx.domain.n

    for body in nothing, reading:
        made.engine.register_process(body.__name__, body)
        for _ in range(3):
            made.engine.run_process(body.__name__)
    return made


def test_what_is_read_is_what_is_there_now(world: World) -> None:
    """A run that goes on with what another left sees the state of its own begin."""
    for value in range(2, 6):
        world.run(lambda ctx, value=value: setattr(ctx.domain, "n", value))
        assert world.engine.run_process("reading") == value
    world.domain.n = 9  # behind the back of the kernel
    assert world.engine.run_process("reading") == 9


@pytest.mark.parametrize("part", [lambda ctx: ctx, lambda ctx: ctx.domain, lambda ctx: ctx.local])
def test_what_is_kept_is_stale_in_the_next_run(part: Callable[[Any], Any]) -> None:
    """A view that outlives its run stays stale while its process runs again, and again."""
    world, kept = World(n=1), []

    @process(["domain"], [])
    def keep(ctx: Any, store: bool) -> None:
        for view in kept:
            if type(view).__name__ != "SimpleNamespace":
                with pytest.raises(StaleViewError):
                    view.domain if hasattr(type(view), "domain") else view.n
        if store:
            kept.append(part(ctx))
        assert ctx.domain.n == 1

    world.engine.register_process("keep", keep)
    for store in (False, True, False, True, False, False):
        world.engine.run_process("keep", store=store)
    assert len(kept) == 2


def test_local_begins_empty() -> None:
    """ctx.local is of one run."""
    world = World(n=1)

    @process(["domain"], [])
    def note(ctx: Any, write: bool) -> bool:
        had = hasattr(ctx.local, "x")
        if write:
            ctx.local.x = 1
        return had

    world.engine.register_process("note", note)
    assert not any(world.engine.run_process("note", write=n % 2 == 0) for n in range(8))


def test_who_finds_it_through_the_collector_has_a_stale_view(world: World) -> None:
    """What lies ready between two runs shows nothing, and is not revived for who holds it."""
    found = [each for each in gc.get_objects() if type(each).__name__ == "ContextView"]
    assert found
    assert all(repr(each).startswith("<stale") for each in found)
    assert world.engine.run_process("reading") == 1
    for each in found:
        with pytest.raises(StaleViewError):
            assert each.domain


def test_a_process_inside_itself(world: World) -> None:
    """Recursion: only the outermost run can be one that was at rest."""
    engine = world.engine

    @process(["domain"], [])
    def down(ctx: Any, depth: int) -> int:
        first: int = ctx.domain.n
        if depth:
            first += engine.run_process("down", depth=depth - 1)
        return first + ctx.domain.n

    engine.register_process("down", down)
    for depth in (0, 3, 0, 2, 0):
        assert engine.run_process("down", depth=depth) == 2 * (depth + 1)


def test_the_same_process_in_many_threads(world: World) -> None:
    """One of them goes on with what is at rest, the others begin anew; all see what is there."""

    def work() -> None:
        for _ in range(300):
            assert world.engine.run_process("reading") in (1, 2)
            world.engine.run_process("nothing")

    def write() -> None:
        for n in range(300):
            world.run(lambda ctx, n=n: setattr(ctx.domain, "n", 1 + n % 2))

    assert together([work] * 6 + [write]) == []


def test_after_a_failure_and_a_write(world: World) -> None:
    """A run that is no quiet one leaves nothing at rest; the next begins as any."""

    @process([], ["domain.n"], errors=[Declared])
    def act(ctx: Any, how: str) -> int:
        if how == "write":
            ctx.domain.n += 1
        if how == "fail":
            raise Declared
        return int(ctx.domain.n)

    world.engine.register_process("act", act)
    seen = []
    for how in ("read", "write", "read", "fail", "read", "write", "read", "read"):
        try:
            seen.append(world.engine.run_process("act", how=how))
        except Declared:
            seen.append(0)
    assert seen == [1, 2, 2, 0, 2, 3, 3, 3]
    assert world.engine.version == 2


def test_a_reader_at_rest_is_not_in_the_way(world: World) -> None:
    """Nobody waits for, keeps anything for, or counts a run that is at rest."""
    before = world.engine.version
    for value in range(20):
        world.run(lambda ctx, value=value: ctx.domain.items.append(value))
    assert world.engine.version == before + 20
    assert world.engine.stats().conflicts == 0
    world.engine.close()


def test_a_listener_hears_what_comes_after(world: World) -> None:
    """Who begins to listen while a process is at rest hears its next commit."""

    @process([], ["domain.n"])
    def maybe(ctx: Any, write: bool) -> None:
        if write:
            ctx.domain.n = 5

    world.engine.register_process("maybe", maybe)
    world.engine.run_process("maybe", write=False)
    heard: list[Any] = []
    world.engine.on_commit(heard.append)
    world.engine.run_process("maybe", write=True)
    assert [write.path for write in heard[0].writes] == ["domain_ctx.n"]


def test_no_state_is_held() -> None:
    """Neither the context nor what was read is referred to while a process is at rest."""
    domain = Plain(part=Plain(a=1))
    system = Plain(global_ctx=None, domain_ctx=domain)
    engine = TheusEngine(system)

    @process(["domain"], [])
    def look(ctx: Any) -> Any:
        return ctx.domain.part.a

    engine.register_process("look", look)
    before = sys.getrefcount(system), sys.getrefcount(domain.part)
    for _ in range(3):
        assert engine.run_process("look") == 1
    assert (sys.getrefcount(system), sys.getrefcount(domain.part)) == before
    part = weakref.ref(domain.part)
    with engine.edit() as ctx:
        del ctx.domain_ctx.part
    assert part() is None
    dead = weakref.ref(engine)
    engine.close()
    del engine
    assert dead() is None


def test_a_process_that_is_replaced_while_it_runs(world: World) -> None:
    """The run ends on what it began with; the new one begins anew."""
    engine, inside, go = world.engine, threading.Event(), threading.Event()

    @process(["domain"], [])
    def slow(ctx: Any) -> int:
        inside.set()
        assert go.wait(LIMIT)
        return int(ctx.domain.n)

    results: list[int] = []
    engine.register_process("slow", slow)
    thread = threading.Thread(target=lambda: results.append(engine.run_process("slow")))
    thread.start()
    assert inside.wait(LIMIT)
    engine.register_process("slow", process(["domain"], [])(lambda ctx: -1))
    assert engine.run_process("slow") == -1
    go.set()
    thread.join(LIMIT)
    assert results == [1]
    assert engine.run_process("slow") == -1
