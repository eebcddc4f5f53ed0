"""User code that runs inside an operation and turns against it: nothing crashes, nothing is torn.

Each callback gets a view of a run that it may end, drop, change or nest in. fuzz_views.py throws
the same at random; make test-asan sees what a plain run survives by luck.
"""

# mypy: disable-error-code="func-returns-value,redundant-expr,call-arg,no-untyped-call"

import gc
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    StaleViewError,
    TheusEngine,
    TransactionConflictError,
    _kernel,
    plain,
    process,
)


class Hook:
    """Something whose special methods call back once, also where it is seen through a view."""

    def __init__(self, act: Callable[[], object]) -> None:
        waiting = [act]

        def fire() -> None:
            if waiting:
                waiting.pop()()

        self.fire = fire
        self.waits = lambda: bool(waiting)

    def __hash__(self) -> int:
        self.fire()
        return 7

    def __eq__(self, other: object) -> bool:
        self.fire()
        return self is other

    def __lt__(self, other: object) -> bool:
        self.fire()
        return True

    def __index__(self) -> int:
        self.fire()
        return 0

    def __iter__(self) -> Iterator[int]:
        self.fire()
        return iter([1, 2])

    def __repr__(self) -> str:
        self.fire()
        return "Hook()"

    def __call__(self, *_: object) -> int:
        self.fire()
        return 0


class Sleeper:
    """A key that hashes as a Hook does, and is not equal to one."""

    def __hash__(self) -> int:
        return 7


class Part:
    """An object of the user with code of its own."""

    hook: Hook | None = None

    def __init__(self) -> None:
        self.field = 1

    @property
    def computed(self) -> int:
        if Part.hook is not None:
            Part.hook.fire()
        return self.field

    @computed.setter
    def computed(self, value: int) -> None:
        if Part.hook is not None:
            Part.hook.fire()
        self.field = value

    def __getattr__(self, name: str) -> Any:
        if Part.hook is not None:
            Part.hook.fire()
        raise AttributeError(name)

    def method(self) -> int:
        if Part.hook is not None:
            Part.hook.fire()
        return self.field


@dataclass
class State(BaseDomainContext):
    """One of each."""

    mapping: dict[Any, Any] = field(default_factory=lambda: {Sleeper(): 1, "b": [1]})
    items: list[Any] = field(default_factory=lambda: [Sleeper(), 2, [3]])
    unique: set[Any] = field(default_factory=lambda: {Sleeper(), 2})
    part: Part = field(default_factory=Part)


def make() -> TheusEngine:
    return TheusEngine(BaseSystemContext(BaseGlobalContext(), State()), strict_mode=True)


# What is done to a view while a hook waits inside: name -> operation(domain view, hook).
OPERATIONS: dict[str, Callable[[Any, Hook], object]] = {
    "get": lambda d, h: d.mapping.get(h),
    "set": lambda d, h: d.mapping.__setitem__(h, 1),
    "delete": lambda d, h: d.mapping.__delitem__(h),
    "contains": lambda d, h: h in d.mapping,
    "pop": lambda d, h: d.mapping.pop(h, None),
    "setdefault": lambda d, h: d.mapping.setdefault(h, 1),
    "update": lambda d, h: d.mapping.update({"x": 1}, y=h),
    "update pairs": lambda d, h: d.mapping.update((k, h()) for k in "pq"),
    "dict repr": lambda d, h: (d.mapping.__setitem__("r", h), repr(d.mapping)),
    "dict eq": lambda d, h: d.mapping == {"b": h, Sleeper(): 1},
    "items get": lambda d, h: d.items[h],
    "items set": lambda d, h: d.items.__setitem__(h, 5),
    "items delete": lambda d, h: d.items.__delitem__(h),
    "slice": lambda d, h: d.items[h:],
    "insert": lambda d, h: d.items.insert(h, 5),
    "extend": lambda d, h: d.items.extend(h),
    "iadd": lambda d, h: d.items.__iadd__(h),
    "remove": lambda d, h: d.items.remove(h),
    "index": lambda d, h: d.items.index(h),
    "count": lambda d, h: d.items.count(h),
    "list contains": lambda d, h: h in d.items,
    "list pop": lambda d, h: d.items.pop(h),
    "sort": lambda d, h: d.items.sort(key=h),
    "set add": lambda d, h: d.unique.add(h),
    "set discard": lambda d, h: d.unique.discard(h),
    "set contains": lambda d, h: h in d.unique,
    "set update": lambda d, h: d.unique.update(h),
    "property": lambda d, h: arm(h) or d.part.computed,
    "property set": lambda d, h: arm(h) or setattr(d.part, "computed", 5),
    "method": lambda d, h: arm(h) or d.part.method(),
    "getattr": lambda d, h: arm(h) or d.part.missing,
    "plain": lambda d, h: (d.mapping.__setitem__("k", {h: 1}), plain(d.mapping)),
    "store": lambda d, h: d.mapping.__setitem__("v", {h: d.items}),
}


def arm(hook: Hook) -> None:
    Part.hook = hook


@pytest.fixture(autouse=True)
def disarm() -> Iterator[None]:
    yield
    Part.hook = None


@pytest.fixture(params=list(OPERATIONS))
def operation(request: pytest.FixtureRequest) -> Callable[[Any, Hook], object]:
    return OPERATIONS[request.param]


@pytest.mark.parametrize("listening", [False, True])
def test_the_run_ends_inside(operation: Callable[[Any, Hook], object], listening: bool) -> None:
    """Law: an operation whose run was ended by its own key is refused, and nothing of it stays."""
    with make() as engine:
        before = repr(plain(vars(engine.ctx.domain_ctx)))
        if listening:
            engine.on_commit(lambda commit: None)
        block = engine.edit()
        ctx = block.__enter__()
        hook = Hook(lambda: block.__exit__(ValueError, None, None))
        with suppress(Exception):
            operation(ctx.domain, hook)
        Part.hook = None
        if hook.waits():
            block.__exit__(ValueError, None, None)
        with pytest.raises(StaleViewError):
            ctx.domain  # noqa: B018
        Part.hook = None
        assert repr(plain(vars(engine.ctx.domain_ctx))) == before
        del ctx


def test_the_engine_goes_inside(operation: Callable[[Any, Hook], object]) -> None:
    """Law: the last reference to engine and block may go while a key is compared."""
    held: list[Any] = [make()]
    held.append(held[0].edit())
    domain = held[1].__enter__().domain
    with suppress(Exception):
        operation(domain, Hook(lambda: (held.clear(), gc.collect())))
    Part.hook = None


@pytest.mark.parametrize("act", ["clear", "rewrite", "nest", "fail", "open", "collect"])
def test_the_run_changes_inside(operation: Callable[[Any, Hook], object], act: str) -> None:
    """Law: what a callback does to the container under way is as in Python: odd, never torn."""

    @process(inputs=[], outputs=["domain"], errors=[ValueError])
    def nested(ctx: Any, fail: bool) -> None:
        ctx.domain.mapping.clear()
        ctx.domain.items.clear()
        ctx.domain.unique.clear()
        ctx.domain.part.field = 9
        if fail:
            raise ValueError

    with make() as engine:
        engine.register_process("nested", nested)
        blocks = []

        @process(inputs=[], outputs=["domain"], errors=[Exception])
        def run(ctx: Any) -> None:
            domain = ctx.domain

            def clear() -> None:
                domain.mapping.clear()
                domain.items.clear()
                domain.unique.clear()

            def rewrite() -> None:
                clear()
                domain.mapping[Sleeper()] = [Sleeper()]
                domain.items.extend([Sleeper(), 1])
                domain.unique.add(Sleeper())

            def fail() -> None:
                with suppress(ValueError):
                    engine.run_process("nested", fail=True)

            def leave_open() -> None:
                blocks.append(engine.edit())
                blocks[0].__enter__().domain.mapping["left"] = 1

            acts = {
                "clear": clear,
                "rewrite": rewrite,
                "nest": lambda: engine.run_process("nested", fail=False),
                "fail": fail,
                "open": leave_open,
                "collect": gc.collect,
            }
            operation(domain, Hook(acts[act]))

        engine.register_process("run", run)
        with suppress(Exception):
            engine.run_process("run")
        blocks.clear()
        Part.hook = None
        with engine.edit() as ctx:  # the engine works on
            ctx.domain.mapping["after"] = 1
        assert engine.ctx.domain_ctx.mapping["after"] == 1


def test_an_iterator_exhausted_inside_itself() -> None:
    """Law: an iterator owns what it walks, even if a key steps it to its end."""
    with make() as engine, engine.edit() as ctx:
        walk = iter(ctx.domain.mapping)
        del ctx.domain.mapping["b"]
        hook = Hook(lambda: list(walk))
        with suppress(RuntimeError):
            ctx.domain.mapping[hook] = 1
            list(walk)


def test_an_outer_block_dropped_while_a_process_runs_in_it() -> None:
    """Law: it rolls back when what runs inside has ended, and that reads and writes undisturbed."""
    with make() as engine:

        def holder() -> Iterator[Any]:
            with engine.edit() as ctx:
                ctx.domain.mapping["outer"] = 1
                yield ctx

        generators = [holder()]
        outer = next(generators[0])
        seen: list[Any] = []

        @process(inputs=[], outputs=["domain"])
        def inner(ctx: Any) -> None:
            engine_block.clear()
            gc.collect()
            ctx.domain.mapping["inner"] = [1]
            ctx.domain.mapping["inner"].append(2)
            seen.append(plain(ctx.domain.mapping["inner"]))

        generators.clear()
        with pytest.raises(StaleViewError):
            outer.domain  # noqa: B018
        engine_block = [engine.edit()]
        outer = engine_block[0].__enter__()
        engine.register_process("inner", inner)
        engine.run_process("inner")
        assert seen == [[1, 2]]
        assert set(engine.ctx.domain_ctx.mapping) - {"b"} != {"inner"}
        assert "inner" not in engine.ctx.domain_ctx.mapping
        with pytest.raises(StaleViewError):
            outer.domain  # noqa: B018


def test_a_block_left_open_by_a_process() -> None:
    """Law: it ends with the process, rolled back; the process' own writes stand."""
    with make() as engine:
        left = []

        @process(inputs=[], outputs=["domain"])
        def careless(ctx: Any) -> None:
            ctx.domain.mapping["mine"] = 1
            left.append(engine.edit())
            left[0].__enter__().domain.mapping["left"] = 1

        engine.register_process("careless", careless)
        engine.run_process("careless")
        assert "mine" in engine.ctx.domain_ctx.mapping
        assert "left" not in engine.ctx.domain_ctx.mapping
        with pytest.raises(RuntimeError, match="innermost first"):
            left[0].__exit__(None, None, None)


def test_a_destructor_begins_a_process() -> None:
    """Law: a destructor that a run sets off finds the engine free, or is refused; never between."""
    with make() as engine:
        outcomes: list[object] = []

        class Dying:
            def __del__(self) -> None:
                try:
                    with engine.edit() as ctx:
                        ctx.domain.mapping["del"] = 1
                    outcomes.append("ran")
                except TransactionConflictError:
                    outcomes.append("refused")

        @process(inputs=[], outputs=["domain"], errors=[ValueError])
        def run(ctx: Any, fail: bool) -> None:
            ctx.domain.mapping["x"] = Dying()
            ctx.domain.mapping["x"].seen = 1
            if fail:
                raise ValueError

        engine.register_process("run", run)
        with suppress(ValueError):
            engine.run_process("run", fail=True)
        engine.run_process("run", fail=False)
        engine.run_process("run", fail=False)  # replaces the first at commit
        gc.collect()
        assert outcomes
        assert set(outcomes) <= {"ran", "refused"}
        with engine.edit() as ctx:
            ctx.domain.mapping.pop("x")
        assert engine.ctx.domain_ctx.mapping["del"] == 1


def test_garbage_that_holds_an_open_block() -> None:
    """Law: a block that reaches itself through what is pending in it is collected."""
    with make() as engine:
        block = engine.edit()
        ctx = block.__enter__()
        ctx.domain.mapping["cycle"] = [block]
        del block, ctx
        gc.collect()
        with engine.edit() as ctx:
            ctx.domain.mapping["free"] = 1
        assert engine.version == 1


def test_a_commit_that_leads_back_to_itself() -> None:
    """Law: what listeners get is seen by the collector."""
    with make() as engine:
        commits: list[Any] = []
        engine.on_commit(commits.append)
        with engine.edit() as ctx:
            ctx.domain.mapping["list"] = []
        assert gc.is_tracked(commits[0])
        assert gc.is_tracked(commits[0].writes[0])


def test_slots_called_with_what_is_no_name() -> None:
    """Law: an attribute name that is no str is a TypeError."""
    with make() as engine, engine.edit() as ctx:
        for view in (ctx, ctx.domain, ctx.domain.part):
            with pytest.raises(TypeError):
                type(view).__getattribute__(view, 5)
            with pytest.raises(TypeError):
                type(view).__setattr__(view, 5, 5)


def test_a_view_used_by_another_thread_while_its_run_ends() -> None:
    """Law: it gets what was there or StaleViewError."""
    with make() as engine:
        views: list[Any] = []
        stop = threading.Event()
        failures: list[BaseException] = []

        def look() -> None:
            while not stop.is_set():
                for view in views:
                    try:
                        view.domain.mapping["t"] = [1]
                        view.domain.items.append(view.domain.mapping["t"])
                        repr(view.domain.items)
                        list(view.domain.mapping.items())
                    except (StaleViewError, RuntimeError, KeyError, IndexError):
                        pass
                    except BaseException as error:
                        failures.append(error)

        @process(inputs=[], outputs=["domain"])
        def run(ctx: Any) -> None:
            views.append(ctx)
            for i in range(20):
                ctx.domain.mapping[i] = {"n": [i]}
            del views[:-3]
            ctx.domain.items.clear()

        engine.register_process("run", run)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=look) for _ in range(2)]
        try:
            for thread in threads:
                thread.start()
            until = time.monotonic() + 2
            while time.monotonic() < until:
                with suppress(RuntimeError):
                    engine.run_process("run")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            sys.setswitchinterval(interval)
        assert not failures


def test_many_threads_take_turns() -> None:
    """Law: transactions of one engine never overlap, leased or not, nested or not."""
    with make() as engine:

        @process(inputs=[], outputs=["domain.mapping"])
        def bump(ctx: Any) -> None:
            ctx.domain.mapping["n"] = ctx.domain.mapping.get("n", 0) + 1

        @process(inputs=[], outputs=["domain.mapping"])
        def twice(ctx: Any) -> None:
            n = ctx.domain.mapping.get("n", 0)
            engine.run_process("bump")
            assert ctx.domain.mapping["n"] == n + 1
            engine.run_process("bump")

        engine.register_process("bump", bump)
        engine.register_process("twice", twice)

        def work() -> None:
            for i in range(60):
                if i % 3 == 0:
                    with engine.edit() as ctx:
                        ctx.domain.mapping["n"] = ctx.domain.mapping.get("n", 0) + 1
                elif i % 3 == 1:
                    engine.run_process("bump")
                else:
                    engine.run_process("twice")

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(interval)
        assert engine.ctx.domain_ctx.mapping["n"] == 4 * 20 * 4


PREAMBLE = """
import gc, sys, threading, time
from dataclasses import dataclass, field
from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, process

@dataclass
class State(BaseDomainContext):
    mapping: dict = field(default_factory=dict)

engine = TheusEngine(BaseSystemContext(BaseGlobalContext(), State()), strict_mode=True)
"""

ENDS = {
    "an open block": """
        block = engine.edit()
        ctx = block.__enter__()
        ctx.domain.mapping["x"] = [1]
        """,
    "a stale view in a cycle": """
        with engine.edit() as ctx:
            kept = [ctx, ctx.domain, ctx.domain.mapping]
        kept.append(kept)
        del ctx
        """,
    "a cycle with the engine": """
        with engine.edit() as ctx:
            engine.loop = [ctx, engine]
        """,
    "a generator in a block": """
        def hold():
            with engine.edit() as ctx:
                ctx.domain.mapping["g"] = [generator]
                yield
        generator = hold()
        next(generator)
        """,
    "a destructor that runs a process": """
        class Late:
            def __del__(self):
                with self.engine.edit() as ctx:
                    ctx.domain.mapping["late"] = 1
        late = Late()
        late.engine, late.cycle = engine, late
        """,
    "a daemon thread in a run": """
        @process(inputs=[], outputs=["domain"])
        def spin(ctx):
            while True:
                ctx.domain.mapping["x"] = 1
        engine.register_process("spin", spin)
        threading.Thread(target=engine.run_process, args=("spin",), daemon=True).start()
        time.sleep(0.05)
        """,
    "a daemon thread that waits": """
        block = engine.edit(); ctx = block.__enter__()
        def wait():
            with engine.edit():
                pass
        threading.Thread(target=wait, daemon=True).start()
        time.sleep(0.05)
        """,
    "a listener": "engine.on_commit(lambda c: None); ctx = engine.edit().__enter__()",
}


@pytest.mark.parametrize("what", list(ENDS))
def test_the_interpreter_ends_with(what: str) -> None:
    """Law: exit is clean, whatever is still open."""
    script = PREAMBLE + textwrap.dedent(ENDS[what])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_close_during_a_run_is_refused() -> None:
    """Law: an engine cannot be closed under its own process, and can afterwards."""
    engine = make()
    with engine.edit(), pytest.raises(RuntimeError, match="cannot be closed"):
        engine.close()
    engine.close()
    assert _kernel.live() >= 0
