"""theus learn: the contracts it writes let the same run pass, and not one entry of them is idle."""

import collections
import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
from model import Plain
from program import refused, said, theus

from theus import ContractViolationError, TheusEngine, process
from theus._learn import Given, Recorder, instead, smallest
from theus.contracts import ProcessContract


class Account:
    """An object with a method, a property, and a private name."""

    def __init__(self) -> None:
        self.balance = 100
        self.owner = "ada"
        self._touched = 0

    def pay(self, amount: int) -> int:
        """Change a public and a private field."""
        self.balance -= amount
        self._touched += 1
        return self.balance

    def __repr__(self) -> str:
        return f"<account of {self.owner}>"

    @property
    def debt(self) -> int:
        """Read a field."""
        return max(0, -self.balance)

    @debt.setter
    def debt(self, value: int) -> None:
        self.balance = -value


class Slots:
    """An object without a dict."""

    __slots__ = ("x", "y")

    def __init__(self) -> None:
        self.x, self.y = 1, [2]


@dataclasses.dataclass
class Point:
    """A dataclass, which compares by its fields."""

    x: int = 0
    y: int = 0


class Model(pydantic.BaseModel):
    """A model that is validated when it was written."""

    name: str = "m"
    size: int = 1
    tags: list[str] = pydantic.Field(default_factory=list)


def context() -> Plain:
    """A context with something of every kind."""
    domain = Plain(
        n=1, text="t", none=None, rows=[1, 2, [3, 4]], d={"a": 1, "b": {"c": 2}, 5: 6, "x y": 7},
        s={1, 2}, q=collections.deque([1, 2, 3]), count=collections.Counter("aab"),
        default=collections.defaultdict(list), ordered=collections.OrderedDict(a=1, b=2),
        pair=(1, [2]), account=Account(), slots=Slots(), point=Point(), model=Model(),
        points=[Point(1), Point(2), Point(3), Point(4)], raw=bytearray(b"abc"),
        meta_note="", sig_go=False, users={f"u{i}": {"age": i, "name": str(i)} for i in range(9)},
        array=np.zeros(3), heavy_net=np.ones(3),
    )  # fmt: skip
    return Plain(domain_ctx=domain, global_ctx=Plain(limit=3, rates={"x": 1.5}))


def raising(ctx: Any) -> None:
    """Read, write, and fail."""
    ctx.domain.n = ctx.domain.rows[0]
    raise KeyError(ctx.domain.text)


BODIES: dict[str, tuple[Callable[[Any], Any], list[str], list[str]]] = {
    "nothing": (lambda ctx: None, [], []),
    "a scalar": (lambda ctx: ctx.domain.n, ["domain.n"], []),
    "a write": (lambda ctx: setattr(ctx.domain, "n", 2), [], ["domain.n"]),
    "a new field": (lambda ctx: setattr(ctx.domain, "fresh", 2), [], ["domain.fresh"]),
    "a deletion": (lambda ctx: delattr(ctx.domain, "none"), [], ["domain.none"]),
    "global": (lambda ctx: ctx.global_ctx.rates["x"], ["global.rates.x"], []),
    "an item": (lambda ctx: ctx.domain.rows[0], ["domain.rows[0]"], []),
    "the last item": (lambda ctx: ctx.domain.rows[-1][1], ["domain.rows[2][1]"], []),
    "a slice": (lambda ctx: ctx.domain.rows[:2], ["domain.rows"], []),
    "a length": (lambda ctx: len(ctx.domain.rows), ["domain.rows"], []),
    "a loop": (lambda ctx: list(map(str, ctx.domain.rows)), ["domain.rows"], []),
    "append": (lambda ctx: ctx.domain.rows.append(1), [], ["domain.rows"]),
    "append deep": (lambda ctx: ctx.domain.rows[2].append(1), [], ["domain.rows[2]"]),
    "set an item": (lambda ctx: ctx.domain.rows.__setitem__(0, 9), [], ["domain.rows[0]"]),
    "a key": (lambda ctx: ctx.domain.d["b"]["c"], ["domain.d.b.c"], []),
    "odd keys": (lambda ctx: (ctx.domain.d[5], ctx.domain.d["x y"]),
                 ['domain.d["x y"]', "domain.d[5]"], []),
    "get and in": (lambda ctx: (ctx.domain.d.get("a"), "b" in ctx.domain.d, ctx.domain.d.get("z")),
                   ["domain.d.a", "domain.d.b", "domain.d.z"], []),
    "keys of a dict": (lambda ctx: list(ctx.domain.d), ["domain.d"], []),
    "values": (lambda ctx: sum(map(len, ctx.domain.users.values())), ["domain.users"], []),
    "set a key": (lambda ctx: ctx.domain.d.__setitem__("new", 1), [], ["domain.d.new"]),
    "pop a key": (lambda ctx: ctx.domain.d.pop("a"), [], ["domain.d.a"]),
    "clear": (lambda ctx: ctx.domain.d.clear(), [], ["domain.d"]),
    "many keys": (lambda ctx: [ctx.domain.users[f"u{i}"]["age"] for i in range(9)],
                  ["domain.users.*.age"], []),
    "many indexes": (lambda ctx: [setattr(ctx.domain.points[i], "x", 0) for i in range(4)],
                     [], ["domain.points.*.x"]),
    "two keys": (lambda ctx: [ctx.domain.users[f"u{i}"]["age"] for i in range(2)],
                 ["domain.users.u0.age", "domain.users.u1.age"], []),
    "a set": (lambda ctx: ctx.domain.s.add(9), [], ["domain.s"]),
    "in a set": (lambda ctx: 1 in ctx.domain.s, ["domain.s"], []),
    "a deque": (lambda ctx: (ctx.domain.q[0], ctx.domain.q.appendleft(0)), [], ["domain.q"]),
    "a counter": (lambda ctx: ctx.domain.count["a"], ["domain.count.a"], []),
    "a default": (lambda ctx: ctx.domain.default["k"].append(1), [], ["domain.default.k"]),
    "an ordered": (lambda ctx: ctx.domain.ordered.move_to_end("a"), [], ["domain.ordered"]),
    "a field": (lambda ctx: ctx.domain.account.owner, ["domain.account.owner"], []),
    "a method": (lambda ctx: ctx.domain.account.pay(1), [], ["domain.account"]),
    "a property": (lambda ctx: ctx.domain.account.debt,
                   ["domain.account.balance", "domain.account.debt"], []),
    "a setter": (lambda ctx: setattr(ctx.domain.account, "debt", 5), [],
                 ["domain.account.balance", "domain.account.debt"]),
    "slots": (lambda ctx: ctx.domain.slots.y.append(ctx.domain.slots.x),
              ["domain.slots.x"], ["domain.slots.y"]),
    "comparing": (lambda ctx: ctx.domain.point == Point(0, 0),
                  ["domain.point.x", "domain.point.y"], []),
    "a model": (lambda ctx: setattr(ctx.domain.model, "size", 3), [], ["domain.model.size"]),
    "in a model": (lambda ctx: ctx.domain.model.tags.append("x"), [], ["domain.model.tags"]),
    "bytes": (lambda ctx: ctx.domain.raw.append(1), [], ["domain.raw"]),
    "a signal": (lambda ctx: setattr(ctx.domain, "sig_go", True), [], ["domain.sig_go"]),
    "meta is read": (lambda ctx: ctx.domain.meta_note, [], ["domain.meta_note"]),
    "an array": (lambda ctx: ctx.domain.array.sum(), [], ["domain.array"]),
    "heavy": (lambda ctx: ctx.domain.heavy_net.__iadd__(1), [], ["domain.heavy_net"]),
    "a returned view": (lambda ctx: ctx.domain.rows[2], ["domain.rows[2]"], []),
    "a stored view": (lambda ctx: setattr(ctx.domain, "text", ctx.domain.d["b"]),
                      ["domain.d.b"], ["domain.text"]),
    "stored after a look": (
        lambda ctx: (ctx.domain.d["b"]["c"], setattr(ctx.domain, "text", ctx.domain.d["b"])),
        ["domain.d.b"], ["domain.text"]),
    "stored in a list": (
        lambda ctx: (ctx.domain.d["b"]["c"], setattr(ctx.domain, "text", [ctx.domain.d["b"]])),
        ["domain.d.b"], ["domain.text"]),
    "read and written": (lambda ctx: setattr(ctx.domain, "n", ctx.domain.n + 1), [], ["domain.n"]),
    "a layer in a name": (lambda ctx: [d.n + d.rows[0] for d in (ctx.domain_ctx,)],
                          ["domain.n", "domain.rows[0]"], []),
    "scratch and log": (lambda ctx: setattr(ctx.local, "x", ctx.log and 1), [], []),
    "an error": (raising, ["domain.rows[0]", "domain.text"], ["domain.n"]),
}  # fmt: skip


def run(body: Callable[[Any], Any]) -> None:
    """Run a body once in an engine on a fresh context."""
    with TheusEngine(context(), strict_mode=True) as engine:
        engine.register_process("body", process([], [])(body))
        try:
            engine.run_process("body")
        except KeyError:
            assert body is raising


def learned(body: Callable[[Any], Any], *, exact: bool = False) -> ProcessContract:
    """The contract that is learned from one run of a body."""
    recorder = Recorder()
    with instead(recorder):
        run(body)
    return recorder.contracts(exact=exact)["body"]


def entries(contract: ProcessContract) -> list[tuple[str, str]]:
    """(list, entry) of every path of a contract."""
    return [(part, each) for part in ("inputs", "outputs") for each in getattr(contract, part)]


@pytest.mark.parametrize("name", BODIES)
def test_a_learned_contract_is_the_smallest_that_passes(name: str) -> None:
    """What was learned is what was expected, lets the run pass, and without any entry it fails."""
    body, inputs, outputs = BODIES[name]
    contract = learned(body)
    assert (contract.inputs, contract.outputs) == (inputs, outputs)
    assert contract.errors == ([KeyError] if body is raising else [])
    with instead(Given({"body": contract})):
        run(body)
    for part, entry in entries(contract):
        fewer = dataclasses.replace(
            contract, **{part: [each for each in getattr(contract, part) if each != entry]}
        )
        with instead(Given({"body": fewer})), pytest.raises(ContractViolationError):
            run(body)
    if contract.errors:
        fewer = dataclasses.replace(contract, errors=[])
        with instead(Given({"body": fewer})), pytest.raises(ContractViolationError):
            run(body)


@pytest.mark.parametrize(("first", "second"), list(itertools.pairwise(BODIES)))
def test_two_bodies_together(first: str, second: str) -> None:
    """A process that does two things needs the contracts of both, and nothing more."""

    def body(ctx: Any) -> None:
        for name in (first, second):
            if BODIES[name][0] is not raising:
                BODIES[name][0](ctx)

    contract = learned(body)
    with instead(Given({"body": contract})):
        run(body)
    for part, entry in entries(contract):
        fewer = {part: [each for each in getattr(contract, part) if each != entry]}
        with (
            instead(Given({"body": dataclasses.replace(contract, **fewer)})),
            pytest.raises(ContractViolationError),
        ):
            run(body)


def test_a_tuple_is_learned_element_by_element() -> None:
    """Looking at a tuple hands all of its elements out, so all of them are in the contract."""

    def body(ctx: Any) -> None:
        ctx.domain.pair[1].append(1)

    contract = learned(body)
    assert (contract.inputs, contract.outputs) == (["domain.pair[0]"], ["domain.pair[1]"])
    with instead(Given({"body": contract})):
        run(body)


def test_exact_lists_every_item() -> None:
    """With exact no ``*`` stands for keys."""
    body = BODIES["many keys"][0]
    contract = learned(body, exact=True)
    assert contract.inputs == [f"domain.users.u{i}.age" for i in range(9)]


def test_a_process_inside_a_process() -> None:
    """What the inner one reaches the outer one has to allow as well."""

    def world() -> None:
        with TheusEngine(context()) as engine:

            @process(inputs=[], outputs=[])
            def inner(ctx: Any) -> None:
                ctx.domain.n += 1

            @process(inputs=[], outputs=[], side_effects=["calls"])
            def outer(ctx: Any) -> int:
                engine.run_process("inner")
                return ctx.domain.rows[0]  # type: ignore[no-any-return]

            engine.register_process("inner", inner)
            engine.register_process("outer", outer)
            engine.run_process("outer")

    recorder = Recorder()
    with instead(recorder):
        world()
    contracts = recorder.contracts()
    assert contracts["inner"] == ProcessContract([], ["domain.n"])
    assert contracts["outer"] == ProcessContract(["domain.rows[0]"], ["domain.n"], ["calls"])
    with instead(Given(contracts)):
        world()


def test_runs_add_up() -> None:
    """A contract is learned from all runs of a process, and of all engines."""
    recorder = Recorder()
    with instead(recorder):
        for field in ("n", "text"):
            with TheusEngine(context()) as engine:
                engine.register_process("body", lambda ctx, field: getattr(ctx.domain, field))
                engine.run_process("body", field=field)
    assert recorder.contracts()["body"].inputs == ["domain.n", "domain.text"]


def test_learning_ends_where_it_ends() -> None:
    """Engines made afterwards enforce again."""
    learned(BODIES["a scalar"][0])
    with TheusEngine(context()) as engine:
        engine.register_process("body", process([], [])(BODIES["a scalar"][0]))
        with pytest.raises(ContractViolationError):
            engine.run_process("body")


def test_smallest() -> None:
    """A path below another one is not listed, and a private name becomes its owner."""
    assert smallest({"domain_ctx.a._x": 2, "domain_ctx.a.b": 0, "domain_ctx.c": 0}) == (
        ["domain.c"], ["domain.a"]
    )  # fmt: skip


# ---- the program ---------------------------------------------------------------------------------

PROGRAM = """\
import sys
from dataclasses import dataclass, field
from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process

@dataclass
class Domain(BaseDomainContext):
    total: int = 0
    rows: list = field(default_factory=list)

def add(ctx, amount):
    if amount < 0:
        raise ValueError("below zero")
    ctx.domain.total += amount

@process(inputs=[], outputs=[], side_effects=["prints"])
def show(ctx):
    print("rows:", len(ctx.domain.rows))

engine = TheusEngine(BaseSystemContext(None, Domain()), strict_mode=False)
engine.register_process("add", add)
engine.register_process("show", show)
for text in sys.argv[1:]:
    try:
        engine.run_process("add", amount=int(text))
    except ValueError:
        print("refused")
engine.run_process("show")
if len(sys.argv) == 1:
    sys.exit(3)
"""
WRITTEN = """\
@process(
    inputs=[],
    outputs=["domain.total"],
    errors=[ValueError],
)
def add(...): ...

@process(
    inputs=["domain.rows"],
    outputs=[],
    side_effects=['prints'],
)
def show(...): ...
"""


def test_learn_writes_decorators(tmp_path: Path) -> None:
    """Contracts are on stdout and what the program prints on stderr; --verify runs it again."""
    (tmp_path / "bank.py").write_text(PROGRAM)
    done = theus("learn", "--verify", "bank.py", "--", "3", "-1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, WRITTEN)
    assert done.stderr == "refused\nrows: 0\n" * 2


def test_learn_writes_json(tmp_path: Path) -> None:
    """--format json is one object."""
    (tmp_path / "bank.py").write_text(PROGRAM.replace('print("rows:"', '(lambda *a: None)("rows:"'))
    told = json.loads(said(theus("learn", "bank.py", "3", "--format", "json", cwd=tmp_path)))
    assert told["add"] == {
        "inputs": [], "outputs": ["domain.total"], "side_effects": [], "errors": []
    }  # fmt: skip


def test_learn_refuses(tmp_path: Path) -> None:
    """A program that fails, ends badly or does not parse is named with its line."""
    program = tmp_path / "bank.py"
    program.write_text(PROGRAM)
    assert "bank.py ended with sys.exit(3)" in refused(theus("learn", "bank.py", cwd=tmp_path))
    program.write_text("import json\n1 / 0\n")
    assert "bank.py failed at bank.py:2: ZeroDivisionError" in refused(
        theus("learn", "bank.py", cwd=tmp_path)
    )
    program.write_text("def (")
    assert "bank.py:1" in refused(theus("learn", "bank.py", cwd=tmp_path))
    program.write_text("print('no engine')\n")
    done = theus("learn", "bank.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "no process ran\n")
