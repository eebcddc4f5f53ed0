"""The memory of a run ends with it, however it ends."""

import gc
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from harness import Declared, Undeclared, World
from model import Plain

from theus import TheusEngine, TheusError, process

RUNS = 1_000_000 if os.environ.get("THEUS_DEEP") else 100_000


@contextmanager
def no_collector() -> Iterator[None]:
    """What dies in here dies by its reference count."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def resident() -> int:
    """Bytes of memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


ENDINGS: dict[str, Callable[[], None]] = {
    "returns": lambda: None,
    "declared": lambda: raise_it(Declared),
    "undeclared": lambda: raise_it(Undeclared),
    "interrupt": lambda: raise_it(KeyboardInterrupt),
}


def raise_it(error: type[BaseException]) -> None:
    """Raise an error."""
    raise error


def ended(run: Callable[[], Any]) -> None:
    """Run it and forget how it ended."""
    with suppress(TheusError, Declared, KeyboardInterrupt):
        run()


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_run_made_dies_with_it(ending: str) -> None:
    """M4, M5: objects that a process made and did not keep are gone at its end, no collector."""
    world = World(obj=Plain(a=1), items=[[1]], d={"k": {}}, kept=None)
    born: list[weakref.ref[Any]] = []

    def body(ctx: Any) -> None:
        d = ctx.domain
        fresh, dropped = Plain(a=1), Plain(a=2)
        born.extend([weakref.ref(fresh), weakref.ref(dropped)])
        d.kept = fresh
        d.d["x"] = dropped
        d.items[0].append(dropped)
        del d.d["x"], d.items[0][-1]
        d.obj.a = [d.items]
        d.local = list(d.items)
        ENDINGS[ending]()

    with no_collector():
        ended(lambda: world.run(body))
        alive = [ref() is not None for ref in born]
        assert alive == [ending == "returns", False]


def counts(values: list[Any]) -> list[int]:
    """Reference counts."""
    return [sys.getrefcount(value) for value in values]


@pytest.mark.parametrize("ending", ENDINGS)
def test_reference_counts_are_exact(ending: str) -> None:
    """A run that changes nothing in the end leaves every reference count as it was."""
    marks = [Plain(), [1], {"k": [2]}, "a string of its own " + str(id(gc))]
    world = World(obj=marks[0], items=marks[1], d=marks[2], text=marks[3])

    def body(ctx: Any) -> None:
        d = ctx.domain
        for name in ("obj", "items", "d", "text"):
            value = getattr(d, name)
            setattr(d, name, value)
        d.items.append(d.obj)
        d.items.pop()
        d.d["x"] = d.text
        d.d.pop("x")
        for _ in d.d.items():
            d.items.index(1)
        with pytest.raises(PermissionError):
            _ = d._private
        ENDINGS[ending]()

    with no_collector():
        ended(lambda: world.run(body))  # the first run fills caches
        before = counts(marks)
        for _ in range(50):
            ended(lambda: world.run(body))
        gc.collect()
        assert counts(marks) == before


def test_engines_die_by_reference_count() -> None:
    """M5: no cycle between kernel and Python: context and engine die with their last owner."""
    with no_collector():
        world = World(items=[1])
        world.run(lambda ctx: ctx.domain.items.append(1))
        refs = [weakref.ref(world.ctx), weakref.ref(world.domain)]
        world.engine.close()
        del world
        assert [ref() for ref in refs] == [None, None]


def test_engines_that_are_not_closed_are_collected() -> None:
    """Dropping an engine without close() frees what it held."""

    def make() -> list[weakref.ref[Any]]:
        ctx = Plain(domain_ctx=Plain(items=[Plain()]), global_ctx=None)
        engine = TheusEngine(ctx, strict_mode=True)
        engine.register_process("p", process([], ["domain"])(lambda c: c.domain.items.clear()))
        engine.run_process("p")
        engine.on_commit(lambda _: engine)  # a cycle of the user's own
        return [weakref.ref(ctx), weakref.ref(ctx.domain_ctx)]

    refs = make()
    gc.collect()
    assert [ref() for ref in refs] == [None, None]


def test_kept_views_hold_no_state() -> None:
    """M3: a view that outlived its run keeps neither the object behind it nor the engine."""
    kept: list[Any] = []
    world = World(items=[Plain()], d={"k": Plain()})
    inner = weakref.ref(world.domain.items[0])

    def body(ctx: Any) -> None:
        kept.extend([ctx, ctx.domain, ctx.domain.items, ctx.domain.items[0], ctx.domain.d.items()])
        kept.append(iter(ctx.domain.items))
        kept.append(ctx.domain.items.append)

    with no_collector():
        world.run(body)
        world.domain.items.clear()
        assert inner() is None
    domain = weakref.ref(world.domain)
    world.engine.close()
    del world
    gc.collect()
    assert domain() is None
    assert len(kept) == 7


@pytest.mark.parametrize("make", ["list", "dict", "object", "method"])
def test_cycles_through_views_are_collected(make: str) -> None:
    """A view stored in something it leads to is no leak: the collector sees through it."""
    world = World(items=[], d={}, obj=Plain())
    mark: list[weakref.ref[Any]] = []

    def body(ctx: Any) -> None:
        holder = Plain()
        mark.append(weakref.ref(holder))
        holder.view = {
            "list": lambda: ctx.domain.items,
            "dict": lambda: ctx.domain.d,
            "object": lambda: ctx.domain.obj,
            "method": lambda: ctx.domain.items.append,
        }[make]()
        holder.me = holder
        ctx.local.holder = holder

    world.run(body)
    gc.collect()
    assert mark[0]() is None


def test_an_error_kept_by_the_caller_keeps_no_state() -> None:
    """The traceback of a failed run holds frames; the views in them are dead and hold nothing."""
    world = World(items=[Plain()])
    inner = weakref.ref(world.domain.items[0])

    def body(ctx: Any) -> None:
        view = ctx.domain.items[0]
        view.a = 1
        raise Declared

    with pytest.raises(Declared) as caught:
        world.run(body)
    world.domain.items.clear()
    assert inner() is None
    assert caught.value.__traceback__ is not None


@pytest.mark.bare  # freed memory stays with a sanitizer for a while
def test_many_runs_leave_nothing() -> None:
    """M4: memory and objects are flat over 100,000 runs, a million in test-deep; some fail."""
    world = World(n=0, items=[1, 2, 3], d={"k": {"x": 1}}, obj=Plain(a=1))
    engine = world.engine

    @process([], ["domain"], errors=[Declared])
    def work(ctx: Any, n: int) -> Any:
        d = ctx.domain
        d.n += 1
        d.items.append(n)
        d.items.pop(0)
        d.d["k"]["x"] = [n]
        d.obj.a = {"n": n}
        if n % 4 == 0:
            raise Declared
        if n % 7 == 0:
            return d.undeclared_name
        if n % 11 == 0:
            engine.run_process("work", n=1)
        return d.items if n % 5 == 0 else None

    engine.register_process("work", work)

    def some(runs: int) -> None:
        for n in range(runs):
            try:
                engine.run_process("work", n=n)
            except (Declared, TheusError):
                continue

    some(RUNS // 5)
    gc.collect()
    objects, memory = len(gc.get_objects()), resident()
    some(RUNS)
    gc.collect()
    assert len(gc.get_objects()) - objects < 50
    assert resident() - memory < 4 * 1024 * 1024
