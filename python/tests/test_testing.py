"""The testing kit: it sees what it is there to see, and fails where a test should fail."""

import re
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_faults
from model import Plain, Slots

from theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    TransactionConflictError,
    process,
)
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec
from theus.testing import (
    CommitFault,
    FakeClock,
    InjectedFault,
    assert_denied,
    assert_rolled_back,
    every_commit_point,
    freeze,
    record_commits,
)
from theus.testing.plugin import bare


class Colour(Enum):
    """Two values."""

    RED = 1
    BLUE = 2


@dataclass
class Domain(BaseDomainContext):
    """One of each kind."""

    number: Any = 1
    text: str = "x"
    colour: Colour = Colour.RED
    items: list[Any] = field(default_factory=lambda: [1, [2], (3, [4])])
    table: dict[Any, Any] = field(default_factory=lambda: {"a": 1, 2: {"b": 3}})
    ordered: OrderedDict[str, int] = field(default_factory=lambda: OrderedDict(a=1, b=2))
    unique: set[int] = field(default_factory=lambda: {1, 2})
    queue: deque[int] = field(default_factory=lambda: deque([1, 2]))
    raw: bytearray = field(default_factory=lambda: bytearray(b"abc"))
    array: Any = field(default_factory=lambda: np.zeros(3))
    plain: Any = field(default_factory=lambda: Plain(a=[1]))
    slots: Any = field(default_factory=lambda: Slots(a=1))
    heavy_model: Any = field(default_factory=lambda: np.zeros(3))
    call: Any = len


class Failure(Exception):
    """What processes declare."""


@process(inputs=["domain.text"], outputs=["domain.number", "domain.heavy_model"], errors=[Failure])
def step(ctx: Any, by: Any = 1, fail: bool = False, sneak: bool = False) -> None:
    """Write, and then perhaps fail."""
    ctx.domain.number += by
    ctx.domain.heavy_model[0] = 7
    if sneak:
        ctx.domain.text = "y"
    if fail:
        raise Failure("planned")


@pytest.fixture
def theus_context() -> BaseSystemContext:
    """What the engines of the plugin run on here."""
    return BaseSystemContext(None, Domain())


@pytest.fixture
def engine(theus_engine: TheusEngine[Any]) -> TheusEngine[Any]:
    """A strict engine that knows step."""
    theus_engine.register_process("step", step)
    return theus_engine


CHANGES: list[Callable[[Any], object]] = [
    lambda d: setattr(d, "number", 2),
    lambda d: setattr(d, "number", True),
    lambda d: setattr(d, "number", 1.0),
    lambda d: setattr(d, "text", "y"),
    lambda d: setattr(d, "colour", Colour.BLUE),
    lambda d: setattr(d, "fresh", None),
    lambda d: setattr(d, "_private", 1),
    lambda d: delattr(d, "number"),
    lambda d: d.items.append(1),
    lambda d: d.items[1].append(1),
    lambda d: d.items[2][1].append(1),
    lambda d: d.items.reverse(),
    lambda d: setattr(d, "items", list(d.items)),
    lambda d: d.items.__setitem__(1, [2]),
    lambda d: d.table.update(c=1),
    lambda d: d.table[2].clear(),
    lambda d: d.table.__setitem__("a", d.table.pop("a")),
    lambda d: d.ordered.move_to_end("a"),
    lambda d: d.unique.add(3),
    lambda d: d.queue.rotate(),
    lambda d: d.raw.__setitem__(0, 0),
    lambda d: d.array.__setitem__(0, 1),
    lambda d: setattr(d, "array", d.array.reshape(3, 1)),
    lambda d: d.plain.a.append(1),
    lambda d: setattr(d, "plain", Plain(a=d.plain.a)),
    lambda d: setattr(d.slots, "a", 2),
    lambda d: setattr(d.slots, "b", 2),
    lambda d: setattr(d, "call", max),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_picture_sees_every_change(number: int) -> None:
    """Law: whatever a process could change makes two pictures differ, and is told."""
    ctx = BaseSystemContext(None, Domain())
    before = freeze(ctx)
    assert before == freeze(ctx)
    assert before.changes(ctx) == []
    CHANGES[number](ctx.domain)
    assert before != freeze(ctx)
    assert before.changes(ctx)


def test_a_picture_leaves_heavy_out_and_looks_at_everything_once() -> None:
    """Law: heavy is not compared, since it is not rolled back; depth and cycles are no problem."""
    ctx = BaseSystemContext(None, Domain())
    nested: list[Any] = []
    for _ in range(3_000):
        nested = [nested]
    ctx.domain.items = nested
    ctx.domain.table = {"self": ctx.domain, "heavy_x": [1]}
    before = freeze(ctx)
    ctx.domain.heavy_model[0] = 1
    ctx.domain.heavy_model = None
    ctx.domain.table["heavy_x"].append(2)
    assert before == freeze(ctx)
    shared: list[int] = []
    ctx.domain.number, ctx.domain.text = shared, shared
    before = freeze(ctx)
    ctx.domain.text = []
    assert before.changes(ctx) == ["domain_ctx.text: the same as domain_ctx.number -> list of 0"]


def test_rolled_back(engine: TheusEngine[Any]) -> None:
    """Law: a failed run passes, and its error is there to look at."""
    with assert_rolled_back(engine, Failure, match="^planned") as caught:
        engine.run_process("step", fail=True)
    assert str(caught.value) == "planned"
    with assert_rolled_back(engine) as undeclared:
        engine.run_process("step", by="x")
    assert isinstance(undeclared.value, ContractViolationError)


def twice(engine: TheusEngine[Any]) -> None:
    """Succeed, and then fail."""
    engine.run_process("step")
    engine.run_process("step", fail=True)


def test_not_rolled_back(engine: TheusEngine[Any], theus_training_engine: TheusEngine[Any]) -> None:
    """Law: it fails where nothing was raised, where something stayed, and for another text."""
    training = theus_training_engine

    def refused(match: str) -> Any:
        return pytest.raises(AssertionError, match=match)

    with (
        refused("nothing was raised, and Failure was expected"),
        assert_rolled_back(engine, Failure),
    ):
        engine.run_process("step")
    with refused("does not match 'other'"), assert_rolled_back(engine, Failure, match="other"):
        engine.run_process("step", fail=True)
    left = "left something behind:\n  domain_ctx.number: 2 -> 3"
    with refused(left), assert_rolled_back(engine, Failure):
        twice(engine)
    with refused("rolled back in training mode"), assert_rolled_back(training, Failure):
        step(training.ctx, fail=True)
    with pytest.raises(ZeroDivisionError), assert_rolled_back(engine, Failure):
        raise ZeroDivisionError


def test_denied(engine: TheusEngine[Any]) -> None:
    """Law: the denial of that access passes, any other outcome does not."""

    def refused(match: str) -> Any:
        return pytest.raises(AssertionError, match=match)

    with assert_denied("domain.text", "write") as denial:
        engine.run_process("step", sneak=True)
    assert denial.value.path == "domain_ctx.text"
    with assert_denied():
        engine.run_process("step", sneak=True)
    with refused("was write domain_ctx.text, and expected any"), assert_denied("domain.number"):
        engine.run_process("step", sneak=True)
    with refused("and expected read anywhere"), assert_denied(operation="read"):
        engine.run_process("step", sneak=True)
    with refused("nothing was denied to write"), assert_denied("domain.text", "write"):
        engine.run_process("step")
    with pytest.raises(Failure), assert_denied():
        engine.run_process("step", fail=True)
    with pytest.raises(ValueError, match="Invalid Path"), assert_denied("domain..text"):
        pass


@pytest.mark.parametrize("way", list(test_faults.WAYS))
def test_a_commit_fails_at_every_point(way: str) -> None:
    """Law: wherever a commit fails, all of it is undone; the next one works."""
    with test_faults.make() as engine:
        for fault in every_commit_point(engine):
            with fault:
                test_faults.WAYS[way](engine)
        assert fault.point > 10
        assert engine.version == 1


def test_a_commit_fails_in_large_containers(engine: TheusEngine[Any]) -> None:
    """Law: so it is where containers grow, shrink and are cleared meanwhile."""
    for fault in every_commit_point(engine):
        with fault, engine.edit() as ctx:
            ctx.domain.unique.update(range(100, 140))
            ctx.domain.unique.discard(1)
            ctx.domain.table.clear()
            ctx.domain.table.update({i: i for i in range(40)})
            ctx.domain.queue.popleft()
            ctx.domain.queue.extendleft(range(5))
            ctx.domain.raw.extend(b"more")
            ctx.domain.slots.a = ctx.domain.slots.b = ctx.domain.items.pop()
    assert fault.point > 90
    assert engine.ctx.domain.unique == {2, *range(100, 140)}


class Leaky:
    """Assigning writes somewhere else too, which no undoing can know of."""

    def __init__(self, elsewhere: list[int]) -> None:
        self.elsewhere = elsewhere

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "x":
            self.elsewhere.append(value)


def leak(engine: TheusEngine[Any]) -> None:
    """Write through the setter, and something else after it."""
    with engine.edit() as ctx:
        ctx.domain.plain.leaky.x = 1
        ctx.domain.number = 5


def test_a_fault_sees_what_a_setter_leaves(engine: TheusEngine[Any]) -> None:
    """Law: what a failed commit leaves is told."""
    engine.ctx.domain.plain.leaky = Leaky(engine.ctx.domain.items)
    faults = every_commit_point(engine)
    for fault in faults:
        if fault.point == 2:  # the setter has run, the other field is not yet written
            break
        with fault:
            leak(engine)
    left = "left something behind:\n  domain_ctx.items: list of 3 -> list of 4"
    with pytest.raises(AssertionError, match=left), fault:
        leak(engine)


def test_faults_are_blocks_of_their_own(engine: TheusEngine[Any]) -> None:
    """Law: a fault strikes once, after the commits that stood, and ends with its block."""
    fault = CommitFault(engine, 2, KeyError("mine"))
    with fault:
        engine.run_process("step")  # two points
        engine.run_process("step")
    assert (fault.struck, engine.version, engine.ctx.domain.number) == (True, 1, 2)
    engine.run_process("step")
    with CommitFault(engine, 99) as fault:
        engine.run_process("step")
    assert (fault.struck, engine.version) == (False, 3)
    with pytest.raises(ZeroDivisionError), CommitFault(engine, 0):
        raise ZeroDivisionError
    with pytest.raises(InjectedFault), CommitFault(engine, 0):  # another one than its own
        raise InjectedFault
    next(faults := every_commit_point(engine))
    with pytest.raises(RuntimeError, match="write `with fault:`"):
        next(faults)


def test_training_has_no_commits(theus_training_engine: TheusEngine[Any]) -> None:
    """Law: a fault that could never strike is refused."""
    with pytest.raises(ValueError, match="training mode makes no commits"):
        CommitFault(theus_training_engine, 0)
    with pytest.raises(TypeError, match="takes an exception"):
        theus_training_engine._fault(0, "text")  # type: ignore[arg-type]


def test_recorded_commits(engine: TheusEngine[Any]) -> None:
    """Law: the block's commits are kept, in order, and no others."""
    engine.run_process("step")
    with record_commits(engine) as commits:
        engine.run_process("step")
        with engine.edit() as ctx:
            ctx.domain.text = "z"
            ctx.domain.number = 9
        with assert_rolled_back(engine, Failure):
            engine.run_process("step", fail=True)
    engine.run_process("step")
    assert [commit.version for commit in commits] == [2, 3]
    assert commits.paths == ["domain_ctx.number", "domain_ctx.text"]
    assert [commit.process for commit in commits.of("edit")] == ["edit"]
    assert repr(commits).splitlines()[1] == "3  edit  SET domain_ctx.text"
    commits.clear()
    assert not commits


def test_a_fake_clock_dates_the_audit(theus_clock: FakeClock) -> None:
    """Law: with a fake clock the audit's events have its time, and the real one comes back."""
    rule = RuleSpec("by", "max", 5, level="C")
    recipe = AuditRecipe({"step": ProcessRecipe("step", [rule], [], [], [])})
    with TheusEngine(BaseSystemContext(None, Domain()), True, recipe) as engine:
        engine.register_process("step", step)
        engine.run_process("step", by=6)
        theus_clock.advance(days=1, seconds=1)
        engine.run_process("step", by=6)
        theus_clock.__exit__(None, None, None)
        engine.run_process("step", by=6)
        times = [event.time for event in engine.audit_log]
    assert times[:2] == [
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2000, 1, 2, 0, 0, 1, tzinfo=UTC),
    ]
    assert times[2].year > 2020
    with pytest.raises(ValueError, match="has no time zone"):
        FakeClock(datetime(2000, 1, 1))  # noqa: DTZ001 - that is what is refused


def test_a_fake_clock_ends_waiting(engine: TheusEngine[Any], theus_clock: FakeClock) -> None:
    """Law: who waits for a transaction gives up when the fake clock says so."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.edit():
            inside.set()
            leave.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(20)
    timer = threading.Timer(0.2, lambda: theus_clock.advance(hours=1))
    timer.start()
    with pytest.raises(TransactionConflictError, match="waited"):
        engine.run_process("step")
    leave.set()
    holder.join()
    timer.join()


PROJECT = """
import pytest
from theus import BaseDomainContext, BaseSystemContext, process
from theus.testing import assert_denied, assert_rolled_back, every_commit_point, freeze

@process(inputs=[], outputs=["domain.a", "domain.b"], errors=[ValueError])
def move(ctx, fail=False):
    ctx.domain.a, ctx.domain.b = 1, 2
    if fail:
        raise ValueError("planned")

@pytest.fixture
def theus_context():
    context = BaseSystemContext(None, BaseDomainContext())
    context.domain.from_dict({"a": 0, "b": 0, "c": 0})
    return context

def test_strict(theus_engine, theus_commits, theus_context):
    assert theus_engine.ctx is theus_context
    with assert_rolled_back(theus_engine, ValueError):
        theus_engine.run_process("move", fail=True)
    for fault in every_commit_point(theus_engine):
        with fault:
            theus_engine.run_process("move")
    assert theus_commits.paths == ["domain_ctx.a", "domain_ctx.b"]

def test_training(theus_training_engine):
    theus_training_engine.run_process("move")
    assert theus_training_engine.ctx.domain.b == 2

def test_clock(theus_clock):
    assert theus_clock.now.year == 2000

def test_that_fails(theus_engine):
    before = freeze(theus_engine.ctx)
    theus_engine.run_process("move")
    assert before == freeze(theus_engine.ctx)
"""


def test_a_context_that_was_forgotten() -> None:
    """Law: who uses the fixtures without a context of his own reads what to do."""
    for base in (BaseGlobalContext, BaseDomainContext):
        with pytest.raises(AttributeError, match="'OverrideTheusContext' object has no attribute"):
            _ = bare(base).balance


def test_the_plugin_in_a_project_of_its_own(tmp_path: Path) -> None:
    """Law: who installed theus has the fixtures, and a failed comparison says what changed.

    The tests that docs/testing.md shows run beside it.
    """
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    wanted = [shown[0], "from theus.testing import assert_rolled_back", shown[-1]]
    (tmp_path / "test_page.py").write_text("\n".join(wanted))
    (tmp_path / "test_project.py").write_text(PROJECT)
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed, 6 passed" in done.stdout, done.stdout + done.stderr
    assert "the context changed" in done.stdout
    assert "domain_ctx.a: 0 -> 1" in done.stdout
