"""run_all: as much at once as the contracts allow, and the result of one after the other."""

import threading
from typing import Any

import pytest
from harness import Declared, World
from hypothesis import given, settings
from hypothesis import strategies as st

from theus import UnknownProcessError, process

LIMIT = 60  # seconds until a test that hangs is a failure
FIELDS = "abcd"


def register(world: World, name: str, reads: str, writes: str) -> None:
    """A process that makes each field it writes of all it reads, its old value included."""

    @process([f"domain.{each}" for each in reads], [f"domain.{each}" for each in writes])
    def body(ctx: Any) -> str:
        seen = [getattr(ctx.domain, each) for each in reads]
        for each in writes:
            setattr(ctx.domain, each, [name, getattr(ctx.domain, each)[:1], *(x[:1] for x in seen)])
        return name

    world.engine.register_process(name, body)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(FIELDS)), st.sets(st.sampled_from(FIELDS))),
        min_size=1,
        max_size=8,
    )
)
def test_the_order_is_kept_where_it_matters(contracts: list[tuple[set[str], set[str]]]) -> None:
    """Whatever the contracts, the state is that of one call after the other, and so are values."""
    worlds = [World(**{each: [each] for each in FIELDS}) for _ in range(2)]
    names = [f"p{i}" for i in range(len(contracts))]
    for world in worlds:
        for name, (reads, writes) in zip(names, contracts, strict=True):
            register(world, name, "".join(sorted(reads)), "".join(sorted(writes)))
    together, alone = worlds
    assert together.engine.run_all(names) == [alone.engine.run_process(name) for name in names]
    assert together.domain == alone.domain or vars(together.domain) == vars(alone.domain)
    assert together.engine.stats().conflicts == 0


def test_disjoint_processes_run_at_once() -> None:
    """Eight that wait for each other come to their ends: all of them had begun."""
    world = World(**{f"f{i}": 0 for i in range(8)})
    meet = threading.Barrier(8)

    def make(i: int) -> Any:
        @process([], [f"domain.f{i}"])
        def body(ctx: Any) -> None:
            meet.wait(LIMIT)
            setattr(ctx.domain, f"f{i}", 1)

        return body

    for i in range(8):
        world.engine.register_process(f"p{i}", make(i))
    world.engine.run_all([f"p{i}" for i in range(8)])
    assert all(getattr(world.domain, f"f{i}") == 1 for i in range(8))


def test_the_first_failure_in_order_is_raised() -> None:
    """What conflicts with it and comes later has not run; what does not may have committed."""
    world = World(n=0, m=0)

    @process([], ["domain.n"], errors=[Declared])
    def fail(ctx: Any, text: str) -> None:
        ctx.domain.n = 1
        raise Declared(text)

    @process([], ["domain.n"])
    def after(ctx: Any) -> None:
        ctx.domain.n = 2

    world.engine.register_process("fail", fail)
    world.engine.register_process("after", after)
    with pytest.raises(Declared, match="first"):
        world.engine.run_all([("fail", {"text": "first"}), ("fail", {"text": "second"}), "after"])
    assert (world.domain.n, world.engine.version) == (0, 0)


def test_what_is_no_call_is_refused() -> None:
    """Before anything runs, with the way to write it."""
    world = World(n=0)
    register(world, "p", "", "")
    with pytest.raises(TypeError, match=r"write \['p'\]"):
        world.engine.run_all("p")
    for wrong in (["p", 3], [("p",)], [("p", [])], [(3, {})]):
        with pytest.raises(TypeError, match="pairs of a name and a dict"):
            world.engine.run_all(wrong)  # type: ignore[arg-type]
    with pytest.raises(UnknownProcessError):
        world.engine.run_all(["p", "q"])
    assert world.engine.run_all([]) == []


def test_stats_count() -> None:
    """Commits are versions; a run that loses is one conflict, and one retry."""
    world = World(n=0)
    inside, go = threading.Event(), threading.Event()
    runs = 0

    @process([], ["domain.n"])
    def slow(ctx: Any) -> None:
        nonlocal runs
        runs += 1
        n = ctx.domain.n
        inside.set()
        assert go.wait(LIMIT)
        ctx.domain.n = n + 1

    @process([], ["domain.n"])
    def fast(ctx: Any) -> None:
        ctx.domain.n += 10

    world.engine.register_process("slow", slow)
    world.engine.register_process("fast", fast)
    thread = threading.Thread(target=world.engine.run_process, args=("slow",))
    thread.start()
    assert inside.wait(LIMIT)
    world.engine.run_process("fast")
    go.set()
    thread.join(LIMIT)
    assert (world.domain.n, runs) == (11, 2)
    assert world.engine.stats() == (2, 1, 1, 0)
