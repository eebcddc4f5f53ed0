"""A process inside a process is a savepoint of the outer one."""

from collections.abc import Callable
from typing import Any

import pytest
from harness import Declared, Undeclared, World

from theus import (
    AccessDeniedError,
    ContractViolationError,
    NestingLimitError,
    StaleViewError,
    process,
)


def test_an_inner_failure_undoes_only_its_own() -> None:
    """The outer process keeps what it wrote before and what it writes after."""
    world = World(log=[], n=0, d={"k": 1})

    def inner(ctx: Any) -> None:
        ctx.domain.log.append("inner")
        ctx.domain.d.clear()
        del ctx.domain.n
        raise Declared

    def outer(ctx: Any) -> None:
        ctx.domain.log.append("before")
        ctx.domain.n = 1
        with pytest.raises(Declared):
            world.run(inner)
        assert (ctx.domain.log, ctx.domain.n, ctx.domain.d) == (["before"], 1, {"k": 1})
        ctx.domain.log.append("after")

    world.run(outer)
    assert (world.domain.log, world.domain.n, world.domain.d) == (["before", "after"], 1, {"k": 1})
    assert world.engine.version == 1


def test_an_inner_commit_is_visible_with_the_outer() -> None:
    """What an inner process wrote is seen by the outer one, and by others after its commit."""
    world = World(log=[])

    def outer(ctx: Any) -> None:
        assert world.run(lambda inner: inner.domain.log.append(1)) is None
        assert ctx.domain.log == [1]
        assert world.domain.log == []
        assert world.engine.version == 0

    world.run(outer)
    assert (world.domain.log, world.engine.version) == ([1], 1)


def test_an_outer_failure_undoes_the_inner_commit() -> None:
    """A savepoint that was kept goes with the outer transaction."""
    world = World(log=[], n=0)
    world.fails_without_a_trace(
        lambda ctx: world.run(
            lambda inner: (inner.domain.log.append(1), setattr(inner.domain, "n", 1))
        )
    )


@pytest.mark.parametrize("failing", range(8))
def test_failures_at_every_level(failing: int) -> None:
    """C12: three levels, each failing or not: exactly the writes of those that held are there."""
    world = World(log=[])
    fails = [bool(failing & bit) for bit in (1, 2, 4)]

    def level(depth: int) -> Callable[[Any], None]:
        def body(ctx: Any) -> None:
            ctx.domain.log.append(f"in {depth}")
            if depth < 2:
                try:
                    world.run(level(depth + 1))
                except Declared:
                    ctx.domain.log.append(f"caught by {depth}")
            ctx.domain.log.append(f"out {depth}")
            if fails[depth]:
                raise Declared

        return body

    def twin(depth: int) -> tuple[list[str], bool]:
        log = [f"in {depth}"]
        if depth < 2:
            inner, failed = twin(depth + 1)
            log += [f"caught by {depth}"] if failed else inner
        return [*log, f"out {depth}"], fails[depth]

    expected, failed = twin(0)
    try:
        world.run(level(0))
    except Declared:
        assert failed
    assert world.domain.log == ([] if failed else expected)


def test_an_error_passes_through_both_contracts() -> None:
    """Each process judges an error by its own contract; state is as before."""
    world = World(n=0)

    def inner(ctx: Any) -> None:
        ctx.domain.n = 1
        raise Undeclared("deep")

    def outer(_: Any) -> None:
        world.run(inner, errors=[Undeclared])

    with pytest.raises(Undeclared, match="deep"):
        world.run(outer, errors=[Undeclared])
    with pytest.raises(ContractViolationError, match="Caught Undeclared: deep") as caught:
        world.run(outer, errors=[])
    assert type(caught.value.__cause__) is Undeclared
    with pytest.raises(ContractViolationError, match="Caught Undeclared: deep"):
        world.run(lambda _: world.run(inner, errors=[]), errors=[])
    assert world.domain.n == 0


def test_access_is_the_intersection() -> None:
    """An inner process may do what both contracts allow; the denial names the caller."""
    world = World(a=1, b=1, c=1)
    inner = {"inputs": ["domain.a"], "outputs": ["domain.c"]}

    def outer(ctx: Any) -> None:
        with pytest.raises(AccessDeniedError, match="caller"):
            world.run(lambda inner_ctx: inner_ctx.domain.a, **inner)
        with pytest.raises(AccessDeniedError, match="caller"):
            world.run(lambda inner_ctx: setattr(inner_ctx.domain, "c", 2), **inner)
        assert world.run(lambda inner_ctx: inner_ctx.domain.b, inputs=["domain"]) == 1
        with pytest.raises(AccessDeniedError):
            ctx.domain.a = 5

    world.run(outer, inputs=["domain.b", "domain.c"], outputs=["domain.b"])
    world.run(lambda ctx: setattr(ctx.domain, "c", ctx.domain.a + 1), **inner)
    assert (world.domain.a, world.domain.c) == (1, 2)


def test_an_edit_inside_a_process_is_bound_by_it() -> None:
    """edit() may do everything, and inside a process only what that one may."""
    world = World(a=1, b=1)

    def outer(_: Any) -> None:
        with world.engine.edit() as ctx:
            ctx.domain.a = 2
            with pytest.raises(AccessDeniedError):
                ctx.domain.b = 2

    world.run(outer, outputs=["domain.a"])
    assert (world.domain.a, world.domain.b) == (2, 1)


def test_inner_views_are_stale_in_the_outer_process() -> None:
    """M3: a view belongs to the run that made it, also when that one was kept."""
    world = World(items=[1])
    kept: list[Any] = []

    def outer(ctx: Any) -> None:
        world.run(lambda inner: kept.append(inner.domain.items))
        with pytest.raises(StaleViewError):
            kept[0].append(2)
        ctx.domain.items.append(3)

    world.run(outer)
    assert world.domain.items == [1, 3]


def test_what_an_inner_process_returns_is_plain() -> None:
    """The outer process gets an independent copy, as any caller does."""
    world = World(items=[1])

    def outer(ctx: Any) -> Any:
        returned = world.run(lambda inner: inner.domain.items)
        returned.append(2)
        return type(returned), list(ctx.domain.items)

    assert world.run(outer) == (list, [1])


@pytest.mark.parametrize("fails", [False, True])
def test_an_outer_view_is_no_way_around_a_savepoint(fails: bool) -> None:
    """A view of the outer process used while an inner one runs writes in the inner's transaction
    or is refused; either way a failing inner process leaves nothing and a kept write is there."""
    world = World(items=[1], n=0)

    def outer(ctx: Any) -> None:
        items = ctx.domain.items
        written = []

        def inner(_: Any) -> None:
            try:
                items.append(2)
                written.append(2)
            except ContractViolationError:
                pass
            if fails:
                raise Declared

        try:
            world.run(inner)
        except Declared:
            written.clear()
        assert list(items) == [1, *written]
        assert list(ctx.domain.items) == [1, *written]

    world.run(outer)


def test_outer_views_go_on_after_a_savepoint() -> None:
    """Views, iterators and bound methods of the outer process survive an inner run."""
    world = World(items=[1, 2, 3], d={"a": [1], "b": [2]})

    def outer(ctx: Any) -> None:
        items, append, iterator = ctx.domain.items, ctx.domain.items.append, iter(ctx.domain.d)
        assert next(iterator) == "a"

        def inner(inner_ctx: Any) -> None:
            inner_ctx.domain.items.clear()
            inner_ctx.domain.d["a"].append(9)
            raise Declared

        with pytest.raises(Declared):
            world.run(inner)
        append(4)
        assert next(iterator) == "b"
        assert list(items) == [1, 2, 3, 4]
        assert ctx.domain.d["a"] == [1]

    world.run(outer)
    assert world.domain.items == [1, 2, 3, 4]


def test_nesting_has_a_bound() -> None:
    """A process that calls itself without end is refused with one sentence; nothing stays."""
    world = World(n=0)

    @process([], ["domain"])
    def again(ctx: Any) -> None:
        ctx.domain.n += 1
        world.engine.run_process("again")

    world.engine.register_process("again", again)
    with pytest.raises(NestingLimitError, match="nested deeper than 64"):
        world.engine.run_process("again")
    assert (world.domain.n, world.engine.version) == (0, 0)


def test_processes_of_two_engines_nest() -> None:
    """A process of one engine may run one of another: two transactions, each of its own."""
    one, two = World(n=0), World(n=0)

    def outer(ctx: Any) -> None:
        ctx.domain.n = 1
        two.run(lambda other: setattr(other.domain, "n", 1))
        assert two.domain.n == 1
        raise Declared

    with pytest.raises(Declared):
        one.run(outer)
    assert (one.domain.n, two.domain.n) == (0, 1)


def test_registering_inside_a_process() -> None:
    """A process may register and run another one."""
    world = World(n=0)
    world.run(lambda _: world.run(lambda ctx: setattr(ctx.domain, "n", 1)))
    assert world.domain.n == 1


def test_local_belongs_to_one_call() -> None:
    """M9: ctx.local of an inner run is its own, and nothing is there in the next call."""
    world = World()

    def outer(ctx: Any) -> Any:
        ctx.local.x = 1
        assert not world.run(lambda inner: hasattr(inner.local, "x"))
        return ctx.local.x

    assert world.run(outer) == 1
    assert not world.run(lambda ctx: hasattr(ctx.local, "x"))
