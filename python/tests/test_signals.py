"""Signals: from a field that a process wrote to an event on the bus, and back to rest."""

import gc
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from theus import (
    AuditBlockError,
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ContractViolationError,
    SchemaViolationError,
    TheusEngine,
    ZoneViolationError,
    process,
)
from theus.config import AuditRecipe, ContextSchema, ProcessRecipe, RuleSpec
from theus.orchestrator import SignalBus, WorkflowManager

LONG = 60.0


@dataclass
class Unit:
    """A part of the plant with a signal of its own."""

    name: str = ""
    sig_ready: bool = False


@dataclass
class Plant(BaseDomainContext):
    """State with signals of several kinds."""

    n: int = 0
    cmd_stop: Any = None
    sig_level: int = 0
    sig_mode: str = "idle"
    sig_log: list[str] = field(default_factory=list)
    units: list[Unit] = field(default_factory=lambda: [Unit("a"), Unit("b")])
    table: dict[str, Any] = field(default_factory=dict)


class World:
    """An engine, a manager whose machine knows the events below, and what the bus got."""

    def __init__(self) -> None:
        self.plant = Plant()
        self.engine = TheusEngine(
            BaseSystemContext(BaseGlobalContext(), self.plant), strict_mode=True
        )
        self.bus = SignalBus()
        self.manager = WorkflowManager(self.engine, bus=self.bus)
        self.manager.load_workflow(
            {"states": {"IDLE": {"on": {"cmd_stop": "OFF", "sig_level": "IDLE"}}, "OFF": {}}}
        )

    def run(self, body: Any, **contract: Any) -> Any:
        """Run body once as a process that may write the domain."""
        decorated = process(inputs=[], outputs=["domain"], errors=[ValueError], **contract)
        self.engine.register_process("body", decorated(lambda ctx: body(ctx.domain)))
        return self.engine.run_process("body")

    def heard(self) -> list[Any]:
        """What is on the bus."""
        events = []
        while not self.bus.empty():
            events.append(self.bus.get())
        return events

    def settle(self) -> None:
        """Wait until no chain runs."""
        assert self.manager._wait(None) == ""


@pytest.fixture
def world() -> Iterator[World]:
    """A world, closed after the test."""
    made = World()
    yield made
    made.engine.close()


def test_a_signal_is_published_once_after_its_commit(world: World) -> None:
    """W1: what a process wrote reaches the bus when it is committed, once, as its field's name."""
    seen: list[Any] = []

    def body(domain: Any) -> None:
        domain.cmd_stop = "valve 3"
        seen.append(world.bus.qsize())

    world.run(body)
    assert seen == [0]
    (event,) = world.heard()
    assert event == "cmd_stop"
    assert {"cmd_stop": 1}[event] == 1
    assert (event.value, event.path, event.process, event.version) == (
        "valve 3",
        "domain_ctx.cmd_stop",
        "body",
        1,
    )
    assert world.plant.cmd_stop == "valve 3"
    world.run(lambda domain: setattr(domain, "n", 1))
    assert world.heard() == []


def failing(domain: Any) -> None:
    """Write signals and fail."""
    domain.cmd_stop = True
    domain.sig_log.append("x")
    raise ValueError("no")


def undeclared(domain: Any) -> None:
    """The same, with an error that no contract names."""
    domain.cmd_stop = True
    raise KeyError("no")


def denied(domain: Any) -> None:
    """The same, with a denial."""
    domain.cmd_stop = True
    _ = domain._private


@pytest.mark.parametrize("body", [failing, undeclared, denied])
def test_a_failed_process_says_nothing(world: World, body: Any) -> None:
    """W1: a process that fails publishes nothing; the next success is not disturbed by it."""
    with pytest.raises((ValueError, ContractViolationError)):
        world.run(body)
    assert world.heard() == []
    assert world.plant.cmd_stop is None
    world.run(lambda domain: setattr(domain, "cmd_stop", 1))
    assert world.heard() == ["cmd_stop"]


def test_what_an_audit_refuses_says_nothing(world: World) -> None:
    """W1: a run that a rule of the output gate blocks publishes nothing."""
    rule = RuleSpec("domain.n", "max", 5, level="B")
    world.engine.reload_audit(AuditRecipe({"body": ProcessRecipe("body", [], [rule])}))

    def body(domain: Any) -> None:
        domain.cmd_stop = True
        domain.n = 9

    with pytest.raises(AuditBlockError):
        world.run(body)
    assert world.heard() == []


def test_what_a_schema_refuses_says_nothing() -> None:
    """W1: a run that leaves a field of a wrong type publishes nothing."""
    schema = ContextSchema.from_dict({"context": {"domain": {"n": {"type": "integer"}}}})
    heard: list[Any] = []
    with TheusEngine(BaseSystemContext(None, Plant()), strict_mode=True, schema=schema) as engine:

        @process(inputs=[], outputs=["domain"])
        def body(ctx: Any, n: Any) -> None:
            ctx.domain.cmd_stop = True
            ctx.domain.n = n

        engine._on_signal(heard.append)
        engine.register_process("body", body)
        with pytest.raises(SchemaViolationError):
            engine.run_process("body", n="nine")
        assert heard == []
        engine.run_process("body", n=9)
        assert len(heard) == 1


def test_a_run_that_lost_twice_speaks_once(world: World) -> None:
    """W1, W3: what attempts that lost had to say is dropped; what the last one says is sent."""
    attempts = 0

    def body(domain: Any) -> None:
        nonlocal attempts
        attempts += 1
        domain.sig_level = attempts
        before = domain.n
        if attempts < 3:
            writer = threading.Thread(target=world.engine.run_process, args=("other",))
            writer.start()
            writer.join(LONG)
        domain.n = before + 1

    @process(inputs=[], outputs=["domain.n"])
    def other(ctx: Any) -> None:
        ctx.domain.n += 10

    world.engine.register_process("other", other)
    commits: list[str] = []
    world.engine.on_commit(lambda commit: commits.append(commit.process))
    world.run(body)
    (event,) = world.heard()
    assert (event, event.value, attempts, world.plant.n) == ("sig_level", 3, 3, 21)
    assert commits == ["other", "other", "body"]


def test_a_setter_that_fails_while_applying(world: World) -> None:
    """W1: a commit that could not be applied publishes nothing."""

    class Strict:
        v = 0

        def __setattr__(self, name: str, value: Any) -> None:
            raise ValueError("not now")

    world.plant.table["s"] = Strict()

    def body(domain: Any) -> None:
        domain.cmd_stop = True
        domain.table["s"].v = 1

    with pytest.raises((ValueError, ContractViolationError)):
        world.run(body)
    assert world.heard() == []
    assert world.plant.cmd_stop is None


def test_a_savepoint_that_was_undone_says_nothing(world: World) -> None:
    """W1: of nested processes those speak that stand, and only when the outer one commits."""

    @process(inputs=[], outputs=["domain.sig_level"], errors=[ValueError])
    def inner(ctx: Any, level: int) -> None:
        ctx.domain.sig_level = level
        if level > 5:
            raise ValueError("too much")

    world.engine.register_process("inner", inner)
    seen: list[int] = []

    def outer(domain: Any) -> None:
        domain.cmd_stop = True
        world.engine.run_process("inner", level=3)
        with pytest.raises(ValueError, match="too much"):
            world.engine.run_process("inner", level=9)
        seen.append(world.bus.qsize())

    world.run(outer)
    assert seen == [0]
    events = world.heard()
    assert events == ["cmd_stop", "sig_level"]
    assert events[1].value == 3

    def lost(domain: Any) -> None:
        world.engine.run_process("inner", level=4)
        raise ValueError("after all")

    with pytest.raises(ValueError, match="after all"):
        world.run(lost)
    assert world.heard() == []


def test_the_last_value_counts(world: World) -> None:
    """W1: several writes of one field publish its last value once, in order of the last writes."""

    def body(domain: Any) -> None:
        domain.sig_level = 1
        domain.cmd_stop = "x"
        domain.sig_level = 2
        domain.sig_mode = "loud"
        domain.sig_mode = ""

    world.run(body)
    assert [(event, event.value) for event in world.heard()] == [
        ("cmd_stop", "x"),
        ("sig_level", 2),
    ]


@pytest.mark.parametrize(
    "write",
    [
        lambda domain: setattr(domain, "cmd_stop", None),
        lambda domain: setattr(domain, "cmd_stop", 0),
        lambda domain: setattr(domain, "sig_mode", "idle"),
        lambda domain: setattr(domain, "sig_log", []),
        lambda domain: delattr(domain, "cmd_stop"),
        lambda domain: domain.table.pop("sig_x"),
        lambda domain: domain.table.update(sig_x=None),
    ],
)
def test_a_field_at_rest_says_nothing(world: World, write: Any) -> None:
    """Law: what is falsy, has its default or is gone is no event."""
    world.plant.table["sig_x"] = None
    world.run(write)
    assert world.heard() == []


def test_signals_anywhere(world: World) -> None:
    """Law: a signal may be a field of any object, an item, or a container that was changed."""

    def body(domain: Any) -> None:
        domain.units[1].sig_ready = True
        domain.table["sig_x"] = 5
        domain.sig_log.append("line")
        domain.sig_log.append("next")
        domain.units[0].name = "c"

    world.run(body)
    events = world.heard()
    assert events == ["sig_ready", "sig_x", "sig_log"]
    assert [event.value for event in events] == [True, 5, ["line", "next"]]
    assert [event.path for event in events] == [
        "domain_ctx.units[1].sig_ready",
        'domain_ctx.table["sig_x"]',
        "domain_ctx.sig_log",
    ]
    assert [event.way for event in events] == [
        ("domain_ctx", "units", (1,), "sig_ready"),
        ("domain_ctx", "table", ("sig_x",)),
        ("domain_ctx", "sig_log"),
    ]


def test_views_never_leave(world: World) -> None:
    """Law: the value of an event is a plain value that outlives the run."""
    world.run(lambda domain: setattr(domain, "cmd_stop", domain.units))
    (event,) = world.heard()
    assert event.value is world.plant.cmd_stop
    assert type(event.value) is list


def test_a_signal_is_no_input(world: World) -> None:
    """Law: no process may declare a signal as input: it learns of it through the machine."""
    with pytest.raises(ZoneViolationError):
        world.engine.register_process(
            "p", process(inputs=["domain.cmd_stop"], outputs=[])(lambda ctx: None)
        )


def test_edit_speaks_too(world: World) -> None:
    """Law: edit() is a transaction like any other: a signal written there is published."""
    with world.engine.edit() as ctx:
        ctx.domain.cmd_stop = True
        assert world.bus.empty()
    assert world.heard() == ["cmd_stop"]


@pytest.mark.parametrize(
    ("write", "read", "rest"),
    [
        (lambda d: setattr(d, "cmd_stop", 7), lambda d: d.cmd_stop, None),
        (lambda d: setattr(d, "sig_level", 7), lambda d: d.sig_level, 0),
        (lambda d: setattr(d, "sig_mode", "loud"), lambda d: d.sig_mode, "idle"),
        (lambda d: d.sig_log.append("x"), lambda d: d.sig_log, []),
        (lambda d: setattr(d.units[1], "sig_ready", 1), lambda d: d.units[1].sig_ready, False),
        (lambda d: d.table.update(sig_x=1), lambda d: d.table["sig_x"], None),
        (lambda d: setattr(d, "sig_new", 1), lambda d: d.sig_new, None),
    ],
)
def test_consuming_resets(world: World, write: Any, read: Any, rest: Any) -> None:
    """W2: a signal stays until the machine takes its event, then rests; nothing echoes."""
    world.run(write)
    assert read(world.plant) != rest
    event = world.bus.get(timeout=LONG)
    assert read(world.plant) != rest
    version = world.engine.version
    world.manager.process_signal(event)
    world.settle()
    assert read(world.plant) == rest
    assert world.engine.version == version + 1
    assert world.heard() == []


def test_consuming_is_a_transaction(world: World) -> None:
    """Law: a reset is a commit that listeners hear of."""
    commits: list[Any] = []
    world.engine.on_commit(commits.append)
    world.run(lambda domain: setattr(domain, "cmd_stop", 7))
    world.manager.process_signal(world.bus.get(timeout=LONG))
    world.settle()
    reset = commits[-1]
    assert [(write.path, write.op, write.value) for write in reset.writes] == [
        ("domain_ctx.cmd_stop", "SET", None)
    ]
    assert [write.zone for write in reset.writes] == ["signal"]


def test_a_signal_moves_the_machine(world: World) -> None:
    """Law: an event that equals a field's name moves the machine, whatever wrote the field."""
    world.run(lambda domain: setattr(domain, "cmd_stop", True))
    world.manager.process_signal(world.bus.get(timeout=LONG))
    assert world.manager.fsm.current_state == "OFF"


def test_a_signal_that_speaks_again_is_not_reset(world: World) -> None:
    """W2: what was written again before its event was taken stays until the newer event is."""
    world.run(lambda domain: setattr(domain, "sig_level", 1))
    world.run(lambda domain: setattr(domain, "sig_level", 2))
    first, second = world.heard()
    world.manager.process_signal(first)
    world.settle()
    assert world.plant.sig_level == 2
    world.manager.process_signal(second)
    world.settle()
    assert world.plant.sig_level == 0


def test_a_reset_loses_and_wins(world: World) -> None:
    """Law: a reset that loses against other commits is tried again; in the end all is at rest."""
    rounds = 60

    @process(inputs=[], outputs=["domain.sig_level", "domain.n"])
    def raise_level(ctx: Any) -> None:
        ctx.domain.n += 1
        ctx.domain.sig_level = ctx.domain.n

    world.engine.register_process("raise_level", raise_level)
    loop = threading.Thread(target=world.manager.run_workflow)
    loop.start()
    workers = [
        threading.Thread(
            target=lambda: [world.engine.run_process("raise_level") for _ in range(rounds)]
        )
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tick = threading.Event()
    for _ in range(int(LONG / 0.01)):
        if len(world.manager.fsm.history) == 3 * rounds:
            break
        tick.wait(0.01)
    world.manager.stop()
    loop.join(LONG)
    world.settle()
    assert len(world.manager.fsm.history) == 3 * rounds
    assert world.plant.n == 3 * rounds
    assert world.plant.sig_level == 0


def test_a_reset_that_fails(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Law: a field that cannot be put to rest is logged, and the machine has moved all the same."""

    class Stubborn:
        def __setattr__(self, name: str, value: Any) -> None:
            if value is None:
                raise ValueError("I will not rest")
            super().__setattr__(name, value)

    world.plant.table["it"] = Stubborn()
    world.run(lambda domain: setattr(domain.table["it"], "cmd_stop", True))
    world.manager.process_signal(world.bus.get(timeout=LONG))
    world.settle()
    assert world.manager.fsm.current_state == "OFF"
    assert "cmd_stop could not be reset" in caplog.text
    assert world.plant.table["it"].cmd_stop is True
    caplog.clear()


def test_what_is_gone_is_not_reset(world: World) -> None:
    """Law: the way to a signal may be gone when its event is taken; that is no error."""
    world.run(lambda domain: setattr(domain.units[1], "sig_ready", True))
    (event,) = world.heard()
    world.run(lambda domain: domain.units.clear())
    world.manager.process_signal(event)
    world.settle()
    assert world.plant.units == []


@pytest.mark.parametrize("point", range(4))
def test_a_signal_at_any_point_of_a_step(world: World, point: int) -> None:
    """W2: a signal that is emitted before, in or after a step of a chain is not missed."""

    def work(ctx: Any) -> None:
        if point == 1:
            ctx.domain.cmd_stop = True
        world.engine.run_process("nested")
        if point == 3:
            ctx.domain.cmd_stop = True

    def nested(ctx: Any) -> None:
        if point == 2:
            ctx.domain.cmd_stop = True

    for body in (work, nested):
        decorated = process(inputs=[], outputs=["domain.cmd_stop"])(body)
        world.engine.register_process(body.__name__, decorated)
    machine = {
        "states": {
            "IDLE": {"on": {"GO": "BUSY"}},
            "BUSY": {"entry": "work", "on": {"cmd_stop": "OFF"}},
            "OFF": {},
        }
    }
    world.manager.load_workflow(machine)
    world.manager.process_signal("GO")
    if point == 0:
        world.run(lambda domain: setattr(domain, "cmd_stop", True))
    thread = threading.Thread(target=world.manager.run_workflow)
    thread.start()
    tick = threading.Event()
    for _ in range(int(LONG / 0.01)):
        if world.manager.fsm.current_state == "OFF":
            break
        tick.wait(0.01)
    world.manager.stop()
    thread.join(LONG)
    world.settle()
    assert world.manager.fsm.current_state == "OFF"
    assert world.plant.cmd_stop is None
    assert [t.event for t in world.manager.fsm.history].count("cmd_stop") == 1


def test_one_that_cannot_be_decided_takes_no_other_along(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """W4: of three signals of one commit the second fails its receiver: the others arrive."""
    broken = {"target": "BAD", "when": "domain.n / 0"}
    machine = {
        "states": {
            "IDLE": {"on": {"sig_level": "ONE"}},
            "ONE": {"on": {"sig_mode": broken, "cmd_stop": "OFF"}},
            "BAD": {},
            "OFF": {"entry": "over"},
        }
    }
    over = threading.Event()
    world.engine.register_process("over", process([], [])(lambda ctx: over.set()))
    world.manager.load_workflow(machine)

    def body(domain: Any) -> None:
        domain.sig_level = 1
        domain.sig_mode = "hot"
        domain.cmd_stop = True

    world.run(body)
    thread = threading.Thread(target=world.manager.run_workflow)
    thread.start()
    assert over.wait(LONG)
    world.manager.stop()
    thread.join(LONG)
    assert [move.event for move in world.manager.fsm.history] == ["sig_level", "cmd_stop"]
    assert "sig_mode could not be decided" in caplog.text
    caplog.clear()


def test_signals_from_many_threads(world: World) -> None:
    """W1: of commits from many threads every one speaks once, in the order of versions."""
    levels = 40

    @process(inputs=[], outputs=["domain.sig_level", "domain.n"])
    def raise_level(ctx: Any) -> None:
        ctx.domain.n += 1
        ctx.domain.sig_level = ctx.domain.n

    world.engine.register_process("raise_level", raise_level)

    def work() -> None:
        for _ in range(levels):
            world.engine.run_process("raise_level")

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    events = world.heard()
    assert [event.value for event in events] == list(range(1, 4 * levels + 1))
    assert [event.version for event in events] == sorted(event.version for event in events)


def test_nobody_listens(world: World) -> None:
    """Law: after close, and in an engine without a manager, signals are fields like others."""
    world.manager.close()
    world.run(lambda domain: setattr(domain, "cmd_stop", True))
    assert world.heard() == []
    assert world.plant.cmd_stop is True


def test_two_managers(world: World) -> None:
    """Law: every manager of an engine hears every signal."""
    other = WorkflowManager(world.engine)
    world.run(lambda domain: setattr(domain, "cmd_stop", True))
    assert world.heard() == [other.bus.get(timeout=LONG)] == ["cmd_stop"]
    other.close()


def test_a_listener_of_all_hears_of_zones(world: World) -> None:
    """Law: the entries of a commit say the zone of their path, and unpack as they ever did."""
    commits: list[Any] = []
    world.engine.on_commit(commits.append)

    def body(domain: Any) -> None:
        domain.n = 1
        domain.meta_x = 2
        domain.sig_level = 3

    world.run(body)
    (commit,) = commits
    assert [(w.path, w.zone) for w in commit.writes] == [
        ("domain_ctx.n", "data"),
        ("domain_ctx.meta_x", "meta"),
        ("domain_ctx.sig_level", "signal"),
    ]
    assert [w.signal for w in commit.writes[:2]] == [None, None]
    assert commit.writes[2].signal == (world.plant, ("domain_ctx", "sig_level"))
    path, op, *_ = commit.writes[0]
    assert (len(commit.writes[0]), path, op) == (6, "domain_ctx.n", "SET")
    assert world.heard() == ["sig_level"]


def test_no_reference_is_lost(world: World) -> None:
    """Law: a run that signals leaves no reference behind, and neither does one that does not."""
    value, other = ("kept",) * 3, ("data",) * 3

    def body(domain: Any) -> None:
        domain.cmd_stop = value
        domain.n = other
        domain.cmd_stop = None
        domain.n = 0

    world.run(body)
    gc.collect()
    before = sys.getrefcount(value), sys.getrefcount(other)
    for _ in range(50):
        world.engine.run_process("body")
    gc.collect()
    assert (sys.getrefcount(value), sys.getrefcount(other)) == before
