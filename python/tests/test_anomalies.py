"""Each way in which runs at once can go wrong, by its name: one interleaving each, by no clock."""

import gc
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from harness import Declared, World
from model import Plain
from test_threads import LIMIT, together

from theus import (
    BaseDomainContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    TransactionConflictError,
    process,
)
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec
from theus.orchestrator import SignalBus, WorkflowManager

PATIENCE = 4  # how often a run loses before it gets priority, as in core/transaction


class Halt:
    """A place in a process where its first attempt stops until it is told to go on."""

    def __init__(self) -> None:
        self.passed = 0
        self._reached, self._go = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == 1:
            self._reached.set()
            assert self._go.wait(LIMIT)

    def during(self, run: Callable[[], Any], other: Callable[[], Any]) -> Any:
        """Run the one in a thread, the other while it stops here; the result of the one."""
        results: list[Any] = []
        errors: list[BaseException] = []

        def body() -> None:
            try:
                results.append(run())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=body, daemon=True)
        thread.start()
        try:
            assert self._reached.wait(LIMIT), "it never came here"
            other()
        finally:
            self._go.set()
            thread.join(LIMIT)
        assert not thread.is_alive(), "a thread hangs"
        if errors:
            raise errors[0]
        return results[0]


def elsewhere(*work: Callable[[], Any]) -> None:
    """Do it in other threads, to the end; what they raise is raised."""
    for error in together(list(work)):
        raise error


def counts(world: World) -> dict[str, int]:
    """What happened to the transactions of the engine."""
    names = ("commits", "conflicts", "retries", "priorities")
    return dict(zip(names, world.engine._stats(), strict=True))


def put(world: World, name: str, value: Any) -> None:
    """Commit one field from another process."""
    world.run(lambda ctx: setattr(ctx.domain, name, value))


# ---- the anomalies -------------------------------------------------------------------------------


def test_lost_update() -> None:
    """C1: two runs read one number and add to it; the second to end runs again, and both count."""
    world, halt = World(n=0), Halt()

    def add(ctx: Any) -> None:
        seen = ctx.domain.n
        halt()
        ctx.domain.n = seen + 1

    halt.during(lambda: world.run(add), lambda: put(world, "n", world.domain.n + 1))
    assert (world.domain.n, halt.passed) == (2, 2)
    assert counts(world) == {"commits": 2, "conflicts": 1, "retries": 1, "priorities": 0}


def test_blind_writes_are_ordered() -> None:
    """C1: a run that writes a field it has not read does not write over what came meanwhile."""
    world, halt = World(n=0, m=0), Halt()

    def write(ctx: Any) -> None:
        ctx.domain.n = "late"
        halt()
        ctx.domain.m = "late"

    def other(ctx: Any) -> None:
        ctx.domain.n = ctx.domain.m = "early"

    halt.during(lambda: world.run(write), lambda: world.run(other))
    assert (world.domain.n, world.domain.m) == ("late", "late")


@pytest.mark.parametrize("fails", [False, True])
def test_dirty_read(fails: bool) -> None:
    """L1, C1: what a run has written nobody else sees before its commit, nor ever if it fails."""
    world, halt = World(n=0, items=[1]), Halt()

    def write(ctx: Any) -> None:
        ctx.domain.n = 7
        ctx.domain.items.append(2)
        halt()
        if fails:
            raise Declared

    def read(ctx: Any) -> Any:
        return ctx.domain.n, list(ctx.domain.items)

    def look() -> None:
        assert world.run(read, inputs=["domain"], outputs=[]) == (0, [1])
        assert world.run(read) == (0, [1])

    try:
        halt.during(lambda: world.run(write), look)
    except Declared:
        assert fails
    assert world.run(read) == ((0, [1]) if fails else (7, [1, 2]))


def test_non_repeatable_read() -> None:
    """Who reads a field twice sees one value: a reader the old one, a writer in its second run."""
    for outputs in [], ["domain"]:
        world, halt, pairs = World(n=0), Halt(), []

        def read(ctx: Any, halt: Halt = halt, pairs: list[Any] = pairs) -> None:
            first = ctx.domain.n
            halt()
            pairs.append((first, ctx.domain.n))

        halt.during(
            lambda read=read, world=world, outputs=outputs: world.run(  # type: ignore[misc]
                read, inputs=["domain"], outputs=outputs
            ),
            lambda world=world: put(world, "n", 1),  # type: ignore[misc]
        )
        assert pairs == ([(1, 1)] if outputs else [(0, 0)])


def filled(kind: str) -> Any:
    """A container of three with the given name."""
    return {
        "dict": {0: 0, 1: 1, 2: 2},
        "list": [0, 1, 2],
        "set": {0, 1, 2},
        "deque": deque([0, 1, 2]),
        "object": Plain(f0=0, f1=1, f2=2),
    }[kind]


def insert(kind: str, there: Any, value: int) -> None:
    """Put one more into it."""
    if kind == "dict":
        there[value] = value
    elif kind == "set":
        there.add(value)
    elif kind == "object":
        setattr(there, f"f{value}", value)
    else:
        there.append(value)


def elements(there: Any) -> Any:
    """What one iterates over: the names of an object, as vars() gives them."""
    return vars(there) if hasattr(there, "f0") else there


KINDS = ["dict", "list", "set", "deque", "object"]


@pytest.mark.parametrize("kind", KINDS)
def test_phantom(kind: str) -> None:
    """C3: what a run counted by iterating may not have grown when it writes the number down."""
    world, halt = World(items=filled(kind), n=0), Halt()

    def count(ctx: Any) -> None:
        number = sum(1 for _ in elements(ctx.domain.items))
        halt()
        ctx.domain.n = number

    halt.during(
        lambda: world.run(count), lambda: world.run(lambda ctx: insert(kind, ctx.domain.items, 3))
    )
    assert (world.domain.n, halt.passed) == (4, 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [[], ["domain"]], ids=["reader", "writer"])
def test_phantom_in_the_middle(kind: str, outputs: list[str]) -> None:
    """A container that grows while it is iterated over shows all of it or nothing: a reader the
    three it began with, in one run; a writer loses and begins again. Neither sees an error."""
    world, halt, seen = World(items=filled(kind)), Halt(), []

    def scan(ctx: Any) -> int:
        seen.append([])
        for each in elements(ctx.domain.items):
            seen[-1].append(each)
            halt()
        return len(ctx.domain.items) if kind != "object" else len(vars(ctx.domain.items))

    length = halt.during(
        lambda: world.run(scan, inputs=["domain"], outputs=outputs),
        lambda: world.run(lambda ctx: insert(kind, ctx.domain.items, 3)),
    )
    assert length == len(seen[-1]) == (4 if outputs else 3)
    assert len(seen) == (2 if outputs else 1)


def test_write_skew() -> None:
    """C3: two doctors are on call, each goes if the other stays: one of them stays."""
    world, halt = World(on_call={"a": True, "b": True}), Halt()

    def leave(ctx: Any, who: str, stop: bool) -> None:
        others = [name for name, on_call in ctx.domain.on_call.items() if on_call and name != who]
        if stop:
            halt()
        if others:
            ctx.domain.on_call[who] = False

    halt.during(
        lambda: world.run(leave, who="a", stop=True), lambda: world.run(leave, who="b", stop=False)
    )
    assert world.domain.on_call == {"a": True, "b": False}


def test_read_only_anomaly() -> None:
    """Fekete, O'Neil and O'Neil, 2004: a report between two writers is part of the same order. Who
    saw the deposit saw a state in which the withdrawal costs no penalty; so it costs none."""
    world, halt = World(checking=0, savings=0), Halt()

    def withdraw(ctx: Any) -> None:
        total = ctx.domain.checking + ctx.domain.savings
        halt()
        ctx.domain.checking -= 10 if total >= 10 else 11

    def report(ctx: Any) -> tuple[int, int]:
        return ctx.domain.checking, ctx.domain.savings

    reports = []

    def others() -> None:
        put(world, "savings", 20)
        reports.append(world.run(report, inputs=["domain"], outputs=[]))

    halt.during(lambda: world.run(withdraw), others)
    assert reports == [(0, 20)]
    assert (world.domain.checking, world.domain.savings) == (-10, 20)


def test_torn_read() -> None:
    """C2: a setter lets others run in the middle of a commit: they wait, and never see half."""
    inside, looking = threading.Event(), threading.Event()

    class Pair:
        a = b = 0

        def __setattr__(self, name: str, value: int) -> None:
            super().__setattr__(name, value)
            if name == "a" and value == 1:
                inside.set()
                assert looking.wait(LIMIT)
                for thread in readers:
                    thread.join(0.05)  # time to see half, if it could

    world = World(pair=Pair(), n=0)
    seen: list[Any] = []

    def look(ctx: Any) -> Any:
        if len(seen) == 0:
            looking.set()
        return ctx.domain.pair.a, ctx.domain.pair.b

    def read(outputs: list[str]) -> None:
        assert inside.wait(LIMIT)
        seen.append(world.run(look, inputs=["domain"], outputs=outputs))

    def write(ctx: Any) -> None:
        ctx.domain.pair.a = ctx.domain.pair.b = 1

    readers = [
        threading.Thread(target=read, args=(outputs,), daemon=True)
        for outputs in ([], ["domain.pair"], ["domain.n"])
    ]
    for thread in readers:
        thread.start()
    world.run(write)
    for thread in readers:
        thread.join(LIMIT)
    assert seen == [(1, 1)] * 3


@pytest.mark.parametrize("kind", ["set", "dict"])
def test_a_commit_while_a_reader_compares_keys(kind: str) -> None:
    """The state changes in the middle of one operation of a reader, in an __eq__: it shows one
    version all the same, the one that the reader has seen before."""
    halt = Halt()

    class Key:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            halt()
            return isinstance(other, Key)

    items: Any = {Key()} if kind == "set" else {Key(): 0}
    world = World(items=items, n=0)

    def look(ctx: Any) -> tuple[int, bool, int]:
        return ctx.domain.n, Key() in ctx.domain.items, ctx.domain.n

    def clear(ctx: Any) -> None:
        ctx.domain.items.clear()
        ctx.domain.n = 1

    seen = halt.during(
        lambda: world.run(look, inputs=["domain"], outputs=[]), lambda: world.run(clear)
    )
    assert seen == (0, True, 0)
    assert counts(world)["conflicts"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_commit_while_a_reader_collects_garbage(kind: str) -> None:
    """A collection, wherever it comes, may let others commit (CPython 3.11 collects in the middle
    of an operation): a reader sees one version all the same, and no error of the interpreter."""
    world = World(items=filled(kind), n=0)
    over = threading.Event()
    rng = random.Random(11)

    def pause(*_: object) -> None:
        if threading.current_thread() is reader and rng.random() < 0.2:
            time.sleep(1e-3)  # longer than a commit takes

    def look(ctx: Any) -> tuple[int, int, int]:
        first = ctx.domain.n
        return first, len(list(elements(ctx.domain.items))), ctx.domain.n

    def grow(ctx: Any) -> None:
        ctx.domain.n += 1
        insert(kind, ctx.domain.items, ctx.domain.n + 2)

    def read() -> None:
        try:
            for _ in range(100):
                first, size, last = world.run(look, inputs=["domain"], outputs=[])
                assert first == last == size - 3
        finally:
            over.set()

    def write() -> None:
        while not over.is_set() and world.domain.n < 2000:
            world.run(grow)
            time.sleep(1e-4)

    before = gc.get_threshold()
    gc.callbacks.append(pause)
    errors: list[BaseException] = []

    def body() -> None:
        try:
            read()
        except BaseException as error:
            errors.append(error)

    reader = threading.Thread(target=body, daemon=True)
    gc.set_threshold(1)
    try:
        reader.start()
        write()
        reader.join(LIMIT)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(pause)
    assert errors == []
    assert not reader.is_alive()


# ---- who does not conflict -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_reader_runs_once(kind: str) -> None:
    """A process that only reads never loses: twenty commits on what it looks at, and it sees what
    was there when it first looked, in one run."""
    world = World(items=filled(kind), n=0)
    runs: list[int] = []

    def commit(value: int) -> None:
        def body(ctx: Any) -> None:
            insert(kind, ctx.domain.items, value)
            ctx.domain.n = value

        elsewhere(lambda: world.run(body))

    def read(ctx: Any) -> list[Any]:
        runs.append(1)
        seen = []
        for value in range(3, 23):
            seen.append((ctx.domain.n, list(elements(ctx.domain.items))))
            commit(value)
        return seen

    first, *rest = world.run(read, inputs=["domain"], outputs=[])
    assert first == (0, list(elements(filled(kind))))
    assert rest == [first] * 19
    assert len(runs) == 1
    assert counts(world) == {"commits": 20, "conflicts": 0, "retries": 0, "priorities": 0}
    assert world.domain.n == 22


def test_a_reader_makes_a_commit_run_no_more_python() -> None:
    """C2, L22: what is kept for a reader is kept in one go: code in Python would give others their
    turn in the middle, and take an interrupt meant for the process that commits."""

    class Slotted:
        __slots__ = ("a",)

        def __init__(self) -> None:
            object.__setattr__(self, "a", 0)

        def __setattr__(self, name: str, value: int) -> None:
            super().__setattr__(name, value)

    world, halt = World(part=Slotted()), Halt()
    called: list[list[str]] = []

    def read(ctx: Any) -> tuple[int, int]:
        first = ctx.domain.part.a
        halt()
        return first, ctx.domain.part.a

    @process([], ["domain.part"])
    def write(ctx: Any, value: int) -> None:
        ctx.domain.part.a = value

    def commit(value: int) -> None:
        called.append([])
        sys.setprofile(
            lambda frame, event, _: (
                called[-1].append(frame.f_code.co_name) if event == "call" else None
            )
        )
        try:
            world.engine.run_process("write", value=value)
        finally:
            sys.setprofile(None)

    world.engine.register_process("write", write)
    commit(1)
    commit(2)
    seen = halt.during(lambda: world.run(read, inputs=["domain"], outputs=[]), lambda: commit(3))
    assert seen == (2, 2)
    assert called[2] == called[1]
    assert counts(world)["conflicts"] == 0


def test_disjoint_processes_meet() -> None:
    """Processes that touch different things run at once, each waits inside for all others, and
    none conflicts with or waits for another."""
    world, gate = World(fields={n: {"x": 0} for n in range(8)}), threading.Barrier(8)
    attempts: list[int] = []

    def work(ctx: Any, n: int) -> None:
        attempts.append(n)
        mine = ctx.domain.fields[n]
        mine["x"] += 1
        gate.wait(LIMIT)
        mine["x"] += 1

    elsewhere(*(lambda n=n: world.run(work, n=n) for n in range(8)))
    assert world.domain.fields == {n: {"x": 2} for n in range(8)}
    assert sorted(attempts) == list(range(8))
    assert counts(world) == {"commits": 8, "conflicts": 0, "retries": 0, "priorities": 0}


def test_a_commit_waits_for_no_open_process() -> None:
    """A process that is held open keeps nobody from beginning, ending and committing."""
    world, halt = World(a=0, b=0), Halt()

    def hold(ctx: Any) -> None:
        ctx.domain.a = 1
        halt()

    def others() -> None:
        for n in range(10):
            put(world, "b", n)
        assert (world.domain.b, world.engine.version) == (9, 10)

    halt.during(lambda: world.run(hold), others)
    assert (world.domain.a, halt.passed, world.engine.version) == (1, 1, 11)


def test_siblings_at_depth_five() -> None:
    """C4: what is compared is the path down to the key: two leaves of one dict do not conflict."""
    world = World(d={"a": {"b": {"c": {"x": 0, "y": 0}}}}, rows=[[0, 0]], part=Plain(x=0, y=0))
    halt = Halt()

    def change(ctx: Any, name: str, stop: bool) -> None:
        leaf = ctx.domain.d["a"]["b"]["c"]
        leaf[name] += 1
        ctx.domain.rows[0]["xy".index(name)] += 1
        setattr(ctx.domain.part, name, getattr(ctx.domain.part, name) + 1)
        if stop:
            halt()

    halt.during(
        lambda: world.run(change, name="x", stop=True),
        lambda: world.run(change, name="y", stop=False),
    )
    assert world.domain.d["a"]["b"]["c"] == {"x": 1, "y": 1}
    assert (world.domain.rows, vars(world.domain.part)) == ([[1, 1]], {"x": 1, "y": 1})
    assert halt.passed == 1


@pytest.mark.parametrize("how", ["edit", "process"])
def test_who_begins_in_the_middle_of_a_commit_loses_nothing(how: str) -> None:
    """C13: a block, or a process with side effects, that begins while the only other transaction is
    being applied has read nothing yet: it waits, sees that commit, and neither is a conflict."""
    halt = Halt()
    seen: list[int] = []

    class Slow:
        n = 0

        def __setattr__(self, name: str, value: int) -> None:
            super().__setattr__(name, value)
            halt()

    world = World(slow=Slow())

    def late() -> None:
        def body(ctx: Any) -> None:
            begun.set()
            seen.append(ctx.domain.slow.n)

        if how == "process":
            world.run(body, side_effects=["mail"])
        else:
            with world.engine.edit() as ctx:
                body(ctx)

    def other() -> None:
        thread.start()
        assert begun.wait(LIMIT)

    begun = threading.Event()
    thread = threading.Thread(target=late, daemon=True)
    halt.during(lambda: world.run(lambda ctx: setattr(ctx.domain.slow, "n", 1)), other)
    thread.join(LIMIT)
    assert seen == [1]
    assert counts(world) == {"commits": 1, "conflicts": 0, "retries": 0, "priorities": 0}


# ---- what a loser does ---------------------------------------------------------------------------


def test_side_effects_do_not_happen_twice() -> None:
    """A process that declares side effects does not run again: the caller gets an error that
    names it, its opponent and the version, and nothing of it is left."""
    world, halt = World(n=0), Halt()

    @process([], ["domain"], side_effects=["mail"])
    def send(ctx: Any) -> None:
        seen = ctx.domain.n
        halt()
        ctx.domain.n = seen + 10

    @process([], ["domain"])
    def count(ctx: Any) -> None:
        ctx.domain.n += 1

    world.engine.register_process("send", send)
    world.engine.register_process("count", count)
    with pytest.raises(TransactionConflictError) as caught:
        halt.during(
            lambda: world.engine.run_process("send"), lambda: world.engine.run_process("count")
        )
    text = str(caught.value)
    assert "process 'send' lost against process 'count', which committed version 1" in text
    assert "side effects" in text
    assert (world.domain.n, halt.passed) == (1, 1)
    assert counts(world) == {"commits": 1, "conflicts": 1, "retries": 0, "priorities": 0}


def test_side_effects_and_a_read_that_would_see_two_versions() -> None:
    """The same where the loss is met at a read, whatever the process makes of that error."""
    world, halt, seen = World(n=0, m=0), Halt(), []

    def send(ctx: Any) -> None:
        seen.append(ctx.domain.n)
        halt()
        try:
            seen.append(ctx.domain.m)
        except Exception as error:
            seen.append(type(error))

    with pytest.raises(TransactionConflictError, match="side effects"):
        halt.during(
            lambda: world.run(send, side_effects=["mail"]),
            lambda: world.run(
                lambda ctx: (setattr(ctx.domain, "n", 1), setattr(ctx.domain, "m", 1))
            ),
        )
    assert seen == [0, TransactionConflictError]


@pytest.mark.parametrize("hides", ["pass", "raise another", "return"])
def test_nobody_hides_that_a_run_lost(hides: str) -> None:
    """A process that catches everything runs again all the same, and commits what it then saw."""
    world, halt = World(n=0, m=0), Halt()

    def stubborn(ctx: Any) -> Any:
        first = ctx.domain.n
        halt()
        try:
            second = ctx.domain.n
        except BaseException:
            if hides == "raise another":
                raise Declared from None
            if hides == "return":
                return "old"
            second = first
        ctx.domain.m = (first, second)
        return "new"

    assert halt.during(lambda: world.run(stubborn), lambda: put(world, "n", 1)) == "new"
    assert (world.domain.m, halt.passed) == ((1, 1), 2)


def test_effects_are_there_once() -> None:
    """C5, W3: a run that lost leaves nothing: no element, no nested write, no scratch value, no
    commit, no note; the second has all of them once."""
    world, halt = World(n=0, log=[], notes={}), Halt()
    commits: list[Any] = []
    world.engine.on_commit(commits.append)

    @process([], ["domain.notes"])
    def note(ctx: Any, key: int) -> None:
        ctx.domain.notes[key] = ctx.domain.notes.get(key, 0) + 1

    world.engine.register_process("note", note)

    def work(ctx: Any) -> int:
        seen = ctx.domain.n
        assert not hasattr(ctx.local, "x")
        ctx.local.x = 1
        ctx.domain.log.append("work")
        world.engine.run_process("note", key=halt.passed)
        halt()
        ctx.domain.n = seen + 1
        return halt.passed

    result = halt.during(lambda: world.run(work), lambda: put(world, "n", 10))
    assert result == 2
    assert vars(world.domain) == {"n": 11, "log": ["work"], "notes": {1: 1}}
    assert [commit.version for commit in commits] == [1, 2]


def test_a_conflict_inside_a_nested_process_runs_the_outer_again() -> None:
    """C12: a savepoint has no version of its own: what it read counts for the whole transaction,
    and one whose outer process goes on after its failure as well."""
    for fails in False, True:
        world, halt = World(n=0, m=0), Halt()

        @process(["domain.n"], [], errors=[Declared])
        def look(ctx: Any, fails: bool = fails) -> int:
            if fails:
                raise Declared(ctx.domain.n)
            return int(ctx.domain.n)

        world.engine.register_process("look", look)

        def work(ctx: Any, world: World = world, halt: Halt = halt) -> None:
            try:
                seen = world.engine.run_process("look")
            except Declared as error:
                seen = error.args[0]
            halt()
            ctx.domain.m = seen

        halt.during(
            lambda world=world, work=work: world.run(work),  # type: ignore[misc]
            lambda world=world: put(world, "n", 5),  # type: ignore[misc]
        )
        assert (world.domain.m, halt.passed) == (5, 2)


def test_a_signal_is_published_once() -> None:
    """W1: a run that lost has published nothing, the one that committed publishes once."""

    class Plant(BaseDomainContext):
        def __init__(self) -> None:
            self.n = 0
            self.sig_go = False

    plant, bus, halt = Plant(), SignalBus(), Halt()
    with TheusEngine(BaseSystemContext(None, plant), strict_mode=True) as engine:
        manager = WorkflowManager(engine, bus=bus)
        manager.load_workflow({"states": {"IDLE": {"on": {"sig_go": "IDLE"}}}})
        heard: list[Any] = []
        engine._on_signal(heard.append)

        @process([], ["domain"])
        def work(ctx: Any) -> None:
            seen = ctx.domain.n
            ctx.domain.sig_go = True
            halt()
            ctx.domain.n = seen + 1

        @process([], ["domain"])
        def other(ctx: Any) -> None:
            ctx.domain.n = 10

        engine.register_process("work", work)
        engine.register_process("other", other)
        halt.during(lambda: engine.run_process("work"), lambda: engine.run_process("other"))
        assert (plant.n, halt.passed) == (11, 2)
        assert len(heard) == 1


def test_audit_counts_a_run_once() -> None:
    """A2: an attempt that is repeated after a conflict is no second run to the rules of either
    gate: a rule that lets one violation pass lets this run pass."""
    rules = [RuleSpec("domain.level", "max", 0, "B", max_threshold=2)]
    halt = Halt()

    @process([], ["domain"])
    def work(ctx: Any) -> None:
        seen = ctx.domain.n
        halt()
        ctx.domain.n = seen + 1

    @process([], ["domain"])
    def other(ctx: Any) -> None:
        ctx.domain.n = 10

    domain = Plain(n=0, level=1)
    judged = ProcessRecipe("work")
    judged.input_rules.extend(rules)
    judged.output_rules.extend(rules)
    recipe = AuditRecipe({"work": judged})
    with TheusEngine(Plain(domain_ctx=domain, global_ctx=None), True, recipe) as engine:
        engine.register_process("work", work)
        engine.register_process("other", other)
        halt.during(lambda: engine.run_process("work"), lambda: engine.run_process("other"))
        assert (domain.n, halt.passed) == (11, 2)
        assert engine.audit_log.total == 2, list(engine.audit_log)


def test_commits_are_told_in_order() -> None:
    """Eight threads commit at once: listeners hear of every version once, one after the other."""
    world = World(fields=dict.fromkeys(range(8), 0))
    heard: list[int] = []

    def hear(commit: Any) -> None:
        heard.append(commit.version)
        threading.Event().wait(0.0001)  # lets others commit meanwhile

    world.engine.on_commit(hear)

    @process([], ["domain.fields"])
    def add(ctx: Any, n: int) -> None:
        ctx.domain.fields[n] += 1

    world.engine.register_process("add", add)
    elsewhere(
        *(
            lambda n=n: [world.engine.run_process("add", n=n) for _ in range(100)]  # type: ignore[misc]
            for n in range(8)
        )
    )
    assert heard == list(range(1, 801))


# ---- priority ------------------------------------------------------------------------------------


class Unlucky:
    """A process that loses as often as needed to get priority, and then ends as it is told."""

    def __init__(self, end: Callable[[Any], Any]) -> None:
        self.world = World(n=0, m=0)
        self.attempts = 0
        self.end = end

    def __call__(self, ctx: Any) -> Any:
        self.attempts += 1
        seen = ctx.domain.n
        if self.attempts <= PATIENCE:
            elsewhere(lambda: put(self.world, "n", seen + 1))
        else:
            self.end(ctx)
        ctx.domain.m = seen


def fail(error: type[BaseException]) -> Callable[[Any], None]:
    """A way to end a process."""

    def end(ctx: Any) -> None:
        raise error

    return end


ENDS: dict[str, tuple[Callable[[Any], Any], type[BaseException] | None]] = {
    "returns": (lambda ctx: None, None),
    "declared": (fail(Declared), Declared),
    "undeclared": (fail(KeyError), ContractViolationError),
    "denied": (lambda ctx: ctx.domain._x, ContractViolationError),
    "interrupted": (fail(KeyboardInterrupt), KeyboardInterrupt),
    "exits": (fail(SystemExit), SystemExit),
    "stores what cannot be": (
        lambda ctx: setattr(ctx.domain, "x", threading.Lock()),
        ContractViolationError,
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_priority_ends_with_its_run(how: str) -> None:
    """C7: a run that lost four times gets priority, nobody commits beside it, and however it ends
    the next one commits at once."""
    end, error = ENDS[how]
    began: list[threading.Thread] = []

    def last(ctx: Any) -> None:
        started = threading.Event()

        def other() -> None:
            started.set()
            put(unlucky.world, "n", 99)

        thread = threading.Thread(target=other, daemon=True)
        began.append(thread)
        thread.start()
        assert started.wait(LIMIT)
        for _ in range(3):
            thread.join(0.01)
            assert unlucky.world.engine.version == PATIENCE
        end(ctx)

    unlucky = Unlucky(last)
    world = unlucky.world
    if error is None:
        world.run(unlucky)
        assert world.domain.m == PATIENCE
    else:
        with pytest.raises(error):
            world.run(unlucky)
    began[0].join(LIMIT)
    assert not began[0].is_alive()
    elsewhere(lambda: put(world, "m", -1))
    assert (unlucky.attempts, world.domain.n, world.domain.m) == (PATIENCE + 1, 99, -1)
    assert counts(world)["priorities"] == 1


def test_sixty_four_writers_of_one_key_end() -> None:
    """C9: all of them read before any writes; each ends, and each is counted."""
    world, gate = World(n=0), threading.Barrier(64)
    first = threading.local()

    def add(ctx: Any) -> None:
        seen = ctx.domain.n
        if not hasattr(first, "done"):
            first.done = True
            gate.wait(LIMIT)
        ctx.domain.n = seen + 1

    elsewhere(*[lambda: world.run(add)] * 64)
    assert (world.domain.n, world.engine.version) == (64, 64)


def test_a_slow_writer_commits_among_fast_ones() -> None:
    """C10: a process that everybody overtakes ends after five attempts at most, and the fast ones
    go on after it."""
    world, over = World(n=0, m=0), threading.Event()
    attempts: list[int] = []

    def slow(ctx: Any) -> None:
        seen, at = ctx.domain.n, world.engine.version
        attempts.append(1)
        for _ in range(200):
            if world.engine.version > at + 3:
                break
            threading.Event().wait(0.001)
        ctx.domain.m = seen

    @process([], ["domain.n"])
    def fast(ctx: Any) -> None:
        ctx.domain.n += 1

    world.engine.register_process("fast", fast)

    def hurry() -> None:
        while not over.is_set():
            world.engine.run_process("fast")

    def run() -> None:
        try:
            world.run(slow)
        finally:
            over.set()

    elsewhere(run, *[hurry] * 4)
    assert 2 <= len(attempts) <= PATIENCE + 1
    before = world.domain.n
    world.engine.run_process("fast")
    assert world.domain.n == before + 1


def test_edit_is_never_run_again() -> None:
    """C13, C15: an edit() block has priority from its beginning: who commits waits, nobody makes it
    lose, and a process that read before it runs again."""
    world, halt = World(n=0), Halt()
    inside, leave = threading.Event(), threading.Event()

    def block() -> None:
        assert inside.wait(LIMIT)
        with world.engine.edit() as ctx:
            seen = ctx.domain_ctx.n
            leave.set()
            ctx.domain_ctx.n = seen + 100

    def add(ctx: Any) -> None:
        seen = ctx.domain.n
        halt()
        ctx.domain.n = seen + 1

    def other() -> None:
        inside.set()
        assert leave.wait(LIMIT)
        thread.join(LIMIT)

    thread = threading.Thread(target=block, daemon=True)
    thread.start()
    halt.during(lambda: world.run(add), other)
    assert (world.domain.n, halt.passed) == (101, 2)
