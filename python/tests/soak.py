"""A long run with everything going wrong at once: `make soak`, SOAK_SECONDS (600) of it.

Eight threads run processes that commit, conflict, nest, fail, only read, and hold edit() blocks.
Beside them one thread interrupts them at random lines, and one makes commits fail at random points.
Once a second the law is checked:

* every commit counts one for its thread, so the counts are the version: none is lost, none there
  twice, none is there by half; money moves, and its sum stays;
* somebody commits and every thread goes on: else the stacks are shown, and the program ends with 1;
* memory is flat: what the process holds in its last quarter is what it held in its second.
"""

import ctypes
import faulthandler
import gc
import os
import random
import statistics
import sys
import threading
import time
from collections import Counter, deque
from typing import Any

from theus import (
    BaseDomainContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    TransactionConflictError,
    _kernel,
    process,
)
from theus.testing import InjectedFault

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
THREADS = 8
ACCOUNTS = 24
PATIENCE = 30.0  # seconds without a commit, or without a step of a thread, that count as a deadlock
SLACK = 3 << 20  # bytes by which memory may seem to grow


class Stop(BaseException):
    """What the interrupter throws."""


class Broke(Exception):
    """An account has too little."""


class Slow:
    """Lets others run while it is written."""

    a = b = 0

    def __setattr__(self, name: str, value: Any) -> None:
        time.sleep(0)
        super().__setattr__(name, value)


class Domain(BaseDomainContext):
    """What all of them work on."""

    def __init__(self) -> None:
        self.accounts = dict.fromkeys(range(ACCOUNTS), 100)
        self.counts = dict.fromkeys(range(THREADS), 0)
        self.log: list[int] = []
        self.recent: deque[int] = deque()
        self.open: set[int] = set()
        self.pair = Slow()


domain = Domain()
engine = TheusEngine(BaseSystemContext(None, domain), strict_mode=True)
over = threading.Event()


@process([], ["domain"], errors=[Broke])
def transfer(ctx: Any, thread: int, source: int, target: int, amount: int) -> None:
    """Move money through a nested process."""
    engine.run_process("take", account=source, amount=amount)
    time.sleep(0)
    ctx.domain.accounts[target] += amount
    ctx.domain.counts[thread] += 1


@process([], ["domain.accounts"], errors=[Broke])
def take(ctx: Any, account: int, amount: int) -> None:
    """Take money, and only then see whether it was there."""
    ctx.domain.accounts[account] -= amount
    if ctx.domain.accounts[account] < 0:
        raise Broke


@process([], ["domain"])
def note(ctx: Any, thread: int, number: int) -> None:
    """Write into each of the containers, which never grow beyond a few."""
    ctx.domain.log.append(number)
    if len(ctx.domain.log) > 50:
        del ctx.domain.log[:40]
    time.sleep(0)
    ctx.domain.recent.append(number)
    while len(ctx.domain.recent) > 20:
        ctx.domain.recent.popleft()
    ctx.domain.open ^= {number % 16}
    ctx.domain.counts[thread] += 1


@process([], ["domain.pair", "domain.counts"])
def write_pair(ctx: Any, thread: int, number: int) -> None:
    """Write two fields whose setters let others run in the middle of the commit."""
    ctx.domain.pair.a = number
    ctx.domain.pair.b = number
    ctx.domain.counts[thread] += 1


@process([], ["domain"])
def fail(ctx: Any, thread: int) -> None:
    """Write a lot and break down."""
    ctx.domain.accounts.clear()
    ctx.domain.counts[thread] += 1000
    time.sleep(0)
    ctx.domain.log.append(1 // 0)


@process([], ["domain"], side_effects=["none"])
def once(ctx: Any, thread: int) -> None:
    """Never runs again by itself."""
    seen = ctx.domain.counts[thread]
    time.sleep(0)
    ctx.domain.counts[thread] = seen + 1


@process(["domain"], [])
def look(ctx: Any) -> None:
    """See one version."""
    total = 0
    for amount in ctx.domain.accounts.values():
        total += amount
        time.sleep(0)
    pair = ctx.domain.pair
    assert total == 100 * ACCOUNTS, f"a reader saw the sum {total}"
    assert pair.a == pair.b, f"a reader saw half a commit: {pair.a}, {pair.b}"


def step(rng: random.Random, thread: int) -> None:
    """One thing, chosen at random."""
    kind = rng.randrange(20)
    number = rng.getrandbits(16)
    if kind < 8:
        source, target = rng.sample(range(ACCOUNTS), 2)
        engine.run_process(
            "transfer", thread=thread, source=source, target=target, amount=rng.randint(1, 60)
        )
    elif kind < 11:
        engine.run_process("note", thread=thread, number=number)
    elif kind < 13:
        engine.run_process("write_pair", thread=thread, number=number)
    elif kind < 14:
        engine.run_process("fail", thread=thread)
    elif kind < 15:
        engine.run_process("once", thread=thread)
    elif kind < 19:
        engine.run_process("look")
    else:
        edit(rng, thread)


def edit(rng: random.Random, thread: int) -> None:
    """Hold everybody up for a moment, and sometimes think better of it."""
    with engine.edit() as ctx:
        ctx.domain_ctx.counts[thread] += 1
        ctx.domain_ctx.log.append(-1)
        time.sleep(0)
        if rng.random() < 0.3:
            raise Broke


class Worker(threading.Thread):
    """Does one thing after the other, whatever comes of each."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.steps = 0
        self.ends: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        while not over.is_set():
            try:
                self._work(random.Random())
            except Stop:
                continue
            except BaseException as error:
                self.error = error
                return

    def _work(self, rng: random.Random) -> None:
        while not over.is_set():
            end = "done"
            try:
                step(rng, self.number)
            except (Broke, InjectedFault, TransactionConflictError, Stop) as error:
                end = type(error).__name__
            except ContractViolationError as error:
                if not isinstance(error.__cause__, ZeroDivisionError | InjectedFault):
                    raise
                end = type(error.__cause__).__name__
            self.steps += 1
            self.ends[end] += 1


def interrupt(workers: list[Worker]) -> None:
    """Throw into threads, wherever they are."""
    rng = random.Random()
    throw = ctypes.pythonapi.PyThreadState_SetAsyncExc
    while not over.wait(0.01 * rng.random()):
        worker = rng.choice(workers)
        if worker.ident is not None:
            throw(ctypes.c_ulong(worker.ident), ctypes.py_object(Stop))


def spoil() -> None:
    """Make a commit fail at one of its points."""
    rng = random.Random()
    while not over.wait(0.02 * rng.random()):
        engine._fault(rng.randrange(6), InjectedFault("on purpose"))
    engine._fault(-1, None)


def resident() -> int:
    """Bytes of memory that this program holds."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check(ctx: Any) -> None:
    """The law, in a block of its own: between two commits."""
    state = ctx.domain_ctx
    assert sum(state.counts.values()) == engine.version, "a commit is lost, or there twice"
    assert sum(state.accounts.values()) == 100 * ACCOUNTS, "money is lost"
    assert min(state.accounts.values()) >= 0, "a failed process left something"
    assert state.pair.a == state.pair.b, "a commit is there by half"
    assert len(state.log) < 200, "the log was not cut"


def deadlock(what: str) -> None:
    """Show where everybody is, and end."""
    print(f"soak: {what}", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


def watch(workers: list[Worker]) -> list[int]:
    """Check once a second until the time is over; the memory that was held, as it was seen."""
    memory: list[int] = []
    until = time.monotonic() + SECONDS
    moved = dict.fromkeys([*(worker.number for worker in workers), -1], (0, time.monotonic()))
    while time.monotonic() < until:
        time.sleep(min(1.0, SECONDS / 40))
        faulthandler.dump_traceback_later(2 * PATIENCE, exit=True)
        with engine.edit() as ctx:
            check(ctx)
        for worker in workers:
            if worker.error is not None:
                raise worker.error
        now = time.monotonic()
        for number, steps in [(w.number, w.steps) for w in workers] + [(-1, engine.version)]:
            before, since = moved[number]
            if before != steps:
                moved[number] = steps, now
            elif now - since > PATIENCE:
                deadlock(f"thread {number} does not go on" if number >= 0 else "nobody commits")
        memory.append(resident())
    faulthandler.cancel_dump_traceback_later()
    return memory


def flat(memory: list[int]) -> str:
    """What the memory did. Raises AssertionError if it grew."""
    quarter = len(memory) // 4
    early = statistics.median(memory[quarter : 2 * quarter])
    late = statistics.median(memory[-quarter:])
    said = f"memory {early / 2**20:.1f} MiB in the second quarter, {late / 2**20:.1f} in the last"
    assert late - early < SLACK, said
    return said


def main() -> None:
    """Run it, and say what happened."""
    for each in (transfer, take, note, write_pair, fail, once, look):
        engine.register_process(each.__name__, each)
    sys.setswitchinterval(1e-4)
    workers = [Worker(number) for number in range(THREADS)]
    spoilers = [
        threading.Thread(target=interrupt, args=(workers,), daemon=True),
        threading.Thread(target=spoil, daemon=True),
    ]
    for thread in [*workers, *spoilers]:
        thread.start()
    try:
        memory = watch(workers)
    finally:
        over.set()
    for thread in [*spoilers, *workers]:
        thread.join(PATIENCE)
        if thread.is_alive():
            deadlock("a thread does not end")
    with engine.edit() as ctx:
        check(ctx)
    ends: Counter[str] = sum((worker.ends for worker in workers), Counter())
    commits, conflicts, retries, priorities = engine._stats()
    assert commits == engine.version
    engine.close()
    gc.collect()
    print(f"soak: {SECONDS:g} s, {sum(ends.values())} steps of {THREADS} threads: {dict(ends)}")
    print(
        f"soak: {commits} commits, {conflicts} conflicts, {retries} run again, {priorities} urgent"
    )
    print(f"soak: {flat(memory)}; {_kernel.live()} handles")


if __name__ == "__main__":
    main()
