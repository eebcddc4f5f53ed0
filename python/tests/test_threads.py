"""Threads: one engine takes its transactions one after the other, and nobody sees half of one."""

import gc
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from harness import Declared, World

from theus import TheusError, process

LIMIT = 60  # seconds until a test that hangs is a failure


def together(workers: list[Callable[[], Any]]) -> list[BaseException]:
    """Run each in a thread of its own, all from one start; what they raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(workers))

    def body(worker: Callable[[], Any]) -> None:
        start.wait(LIMIT)
        try:
            worker()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=body, args=(each,), daemon=True) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return errors


class Broke(Exception):
    """An account has too little."""


@process([], ["domain.accounts"], errors=[Broke])
def transfer(ctx: Any, source: int, target: int, amount: int) -> None:
    """Move money; take it first, so that a failure would show."""
    accounts = ctx.domain.accounts
    accounts[source] -= amount
    accounts[target] += amount
    if accounts[source] < 0:
        raise Broke


def test_transfers_keep_the_sum() -> None:
    """C1: eight threads transfer, readers look: no sum but the one, no account below zero."""
    world = World(accounts=dict.fromkeys(range(10), 100))
    world.engine.register_process("transfer", transfer)

    @process(["domain.accounts"], [])
    def total(ctx: Any) -> tuple[int, int]:
        values = list(ctx.domain.accounts.values())
        return sum(values), min(values)

    world.engine.register_process("total", total)
    moved: list[int] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(400):
            source, target = rng.sample(range(10), 2)
            try:
                world.engine.run_process(
                    "transfer", source=source, target=target, amount=rng.randint(1, 60)
                )
                moved.append(1)
            except Broke:
                pass
            found, least = world.engine.run_process("total")
            assert found == 1000
            assert least >= 0

    assert together([lambda seed=seed: work(seed) for seed in range(8)]) == []
    assert sum(world.domain.accounts.values()) == 1000
    assert world.engine.version == len(moved)


def test_read_modify_write_is_exact() -> None:
    """C1: a yield between read and write loses no update."""
    world = World(n=0)

    @process([], ["domain.n"])
    def add(ctx: Any) -> None:
        seen = ctx.domain.n
        time.sleep(0)  # lets another thread run
        ctx.domain.n = seen + 1

    world.engine.register_process("add", add)

    def work() -> None:
        for _ in range(250):
            world.engine.run_process("add")

    assert together([work] * 8) == []
    assert world.domain.n == world.engine.version == 2000


def test_listeners_hear_the_versions_in_their_order() -> None:
    """Also where a collection between a commit and its telling lets another thread commit."""
    world = World(counts=dict.fromkeys(range(4), 0))

    @process([], ["domain.counts"])
    def add(ctx: Any, which: int) -> None:
        ctx.domain.counts[which] += 1

    world.engine.register_process("add", add)
    heard: list[int] = []
    world.engine.on_commit(lambda commit: heard.append(commit.version))

    def work(which: int) -> None:
        for _ in range(500):
            world.engine.run_process("add", which=which)

    before = gc.get_threshold()
    rng = random.Random(7)

    def pause(*_: object) -> None:
        if rng.random() < 0.1:
            time.sleep(1e-3)  # longer than a commit of another thread takes

    gc.callbacks.append(pause)
    gc.set_threshold(1)
    try:
        assert together([lambda n=n: work(n) for n in range(4)]) == []
    finally:
        gc.set_threshold(*before)
        gc.callbacks.pop()
    assert heard == list(range(1, 2001))


def test_write_skew() -> None:
    """C3: two doctors on call: each goes only if the other stays; one stays, every time."""
    world = World(on_call={"a": True, "b": True})

    @process([], ["domain.on_call"])
    def leave(ctx: Any, who: str) -> None:
        if sum(ctx.domain.on_call.values()) > 1:
            time.sleep(0)
            ctx.domain.on_call[who] = False

    world.engine.register_process("leave", leave)

    def work(who: str) -> None:
        for _ in range(300):
            world.engine.run_process("leave", who=who)
            assert any(world.domain.on_call.values())
            with world.engine.edit() as ctx:
                ctx.domain.on_call[who] = True

    assert together([lambda: work("a"), lambda: work("b")]) == []


def test_runs_edits_and_failures_mixed() -> None:
    """C13: many threads, runs, nested runs, failing ones and edits; only documented errors."""
    world = World(n=0, failed=0)

    @process([], ["domain"], errors=[Declared])
    def add(ctx: Any, nested: bool, fails: bool) -> None:
        ctx.domain.n += 1
        if nested:
            world.engine.run_process("add", nested=False, fails=False)
        if fails:
            raise Declared

    world.engine.register_process("add", add)

    def work(seed: int) -> int:
        rng, added = random.Random(seed), 0
        for _ in range(60):
            nested, fails = rng.random() < 0.5, rng.random() < 0.3
            try:
                world.engine.run_process("add", nested=nested, fails=fails)
                added += 1 + nested
            except Declared:
                assert fails
            with world.engine.edit() as ctx:
                ctx.domain.n += 1
                added += 1
        return added

    totals: list[int] = []
    assert together([lambda s=seed: totals.append(work(s)) for seed in range(16)]) == []
    assert world.domain.n == sum(totals)


def test_readers_never_see_half_a_commit() -> None:
    """C2: a setter that lets others run while a commit is applied shows nobody half of it."""

    class Slow:
        a = b = 0

        def __setattr__(self, name: str, value: int) -> None:
            time.sleep(0.0005)
            super().__setattr__(name, value)

    world = World(pair=Slow())

    @process([], ["domain.pair"])
    def write(ctx: Any, n: int) -> None:
        ctx.domain.pair.a = n
        ctx.domain.pair.b = n

    @process(["domain.pair"], [])
    def read(ctx: Any) -> tuple[int, int]:
        return ctx.domain.pair.a, ctx.domain.pair.b

    world.engine.register_process("write", write)
    world.engine.register_process("read", read)

    def writer() -> None:
        for n in range(100):
            world.engine.run_process("write", n=n)

    def reader() -> None:
        for _ in range(100):
            a, b = world.engine.run_process("read")
            assert a == b

    assert together([writer, reader, reader]) == []


def test_engines_do_not_wait_for_each_other() -> None:
    """Two engines are two worlds: one may run to its end inside a process of the other."""
    one, two = World(n=0), World(n=0)
    inside, done = threading.Event(), threading.Event()

    def hold(ctx: Any) -> None:
        ctx.domain.n = 1
        inside.set()
        assert done.wait(LIMIT)

    def other() -> None:
        assert inside.wait(LIMIT)
        two.run(lambda ctx: setattr(ctx.domain, "n", 1))
        done.set()

    assert together([lambda: one.run(hold), other]) == []
    assert (one.domain.n, two.domain.n) == (1, 1)


def test_a_view_in_another_thread() -> None:
    """A view used by another thread while its process runs is part of that process, or refused."""
    world = World(items=[1], n=0)
    written: list[int] = []

    def body(ctx: Any) -> None:
        items = ctx.domain.items

        def use() -> None:
            try:
                items.append(2)
                written.append(2)
            except TheusError:
                pass

        assert together([use]) == []
        raise Declared

    with pytest.raises(Declared):
        world.run(body)
    assert world.domain.items == [1]


def test_a_failed_run_leaves_its_thread_free() -> None:
    """M2: after a failure in any phase the same thread runs the next process."""
    world = World(n=0)

    class Refusing:
        def __setattr__(self, name: str, value: Any) -> None:
            raise Declared

    world.domain.refusing = Refusing()
    failures: list[Callable[[Any], Any]] = [
        lambda ctx: 1 / 0,  # in the process
        lambda ctx: ctx.domain._x,  # a denial
        lambda ctx: setattr(ctx.domain.refusing, "x", 1),  # while it is applied
        lambda ctx, missing: None,  # before it starts
    ]

    def work() -> None:
        for body in failures:
            with pytest.raises((TheusError, Declared, TypeError)):
                world.run(body)
            world.run(lambda ctx: setattr(ctx.domain, "n", ctx.domain.n + 1))

    assert together([work]) == []
    assert world.domain.n == len(failures)


INTERRUPTED = """
import signal, sys, time
from theus import TheusEngine, process

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it

class Part: pass
ctx = Part()
ctx.domain_ctx, ctx.global_ctx = Part(), None
ctx.domain_ctx.n, ctx.domain_ctx.items = 0, []
engine = TheusEngine(ctx, strict_mode=True)

@process([], ["domain"])
def work(ctx):
    ctx.domain.n = 1
    print("inside", flush=True)
    while True:
        ctx.domain.items.append(1)

@process([], ["domain"])
def after(ctx):
    ctx.domain.n = 7

try:
    engine.run_process("work")
except KeyboardInterrupt:
    print(type(ctx.domain_ctx.items), ctx.domain_ctx.n, len(ctx.domain_ctx.items), engine.version)
engine.run_process("after")
print(ctx.domain_ctx.n)
"""


def test_control_c_rolls_back() -> None:
    """L22: Ctrl-C in a process is KeyboardInterrupt, nothing stays, and the engine goes on."""
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT)
    assert (out.splitlines(), child.returncode, err) == (["<class 'list'> 0 0 0", "7"], 0, "")


WAITING = """
import threading, signal, os, time
from theus import TheusEngine, process

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it

class Part: pass
ctx = Part()
ctx.domain_ctx, ctx.global_ctx = Part(), None
ctx.domain_ctx.n = 0
engine = TheusEngine(ctx, strict_mode=True)
inside, go = threading.Event(), threading.Event()

def hold():
    with engine.edit():
        inside.set()
        go.wait(60)

@process([], ["domain"])
def wait(ctx):
    ctx.domain.n = 1

thread = threading.Thread(target=hold)
thread.start()
inside.wait(60)
print("waiting", flush=True)
try:
    engine.run_process("wait")
except KeyboardInterrupt:
    print("interrupted", ctx.domain_ctx.n)
go.set()
thread.join(60)
engine.run_process("wait")
print(ctx.domain_ctx.n)
"""


def test_control_c_while_waiting_for_a_turn() -> None:
    """A thread that waits for an edit() block, which has priority, can be interrupted."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=LIMIT)
    assert (out.splitlines(), child.returncode, err) == (["interrupted 0", "1"], 0, "")
