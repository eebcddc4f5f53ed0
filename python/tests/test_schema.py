"""Schemas: what is written is of the type that a file or the annotations say."""

import re
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NewType, Optional, TypedDict, Union

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from theus import (
    AuditBlockError,
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ConfigError,
    ContractViolationError,
    SchemaViolationError,
    TheusEngine,
    _kernel,
    process,
)
from theus.config import (
    AuditRecipe,
    ConfigFactory,
    ContextSchema,
    FieldSpec,
    ProcessRecipe,
    RuleSpec,
)


class Mode(Enum):
    """A class without annotations."""

    AUTO = "auto"
    OFF = "off"


@dataclass
class Bed:
    """An object with a cycle in its type."""

    water: float = 1.0
    next: Optional["Bed"] = None
    tags: set[str] = field(default_factory=set)

    @property
    def half(self) -> float:
        """No field."""
        return self.water / 2


@dataclass
class Deep(Bed):
    """A subclass with one more field."""

    depth: int = 2


class Slots:
    """A class without a __dict__."""

    __slots__ = ("left", "right")
    left: int
    right: "Slots | None"

    def __init__(self, left: int = 1) -> None:
        self.left = left
        self.right = None


class Point(TypedDict):
    """A dict with fields."""

    x: int
    y: float


class Valve(BaseModel):
    """A pydantic model."""

    name: str = "v"
    open: bool = False
    limits: list[float] = []


Name = NewType("Name", str)


@dataclass
class Limits(BaseGlobalContext):
    """Settings."""

    most: int = 100


@dataclass
class Garden(BaseDomainContext):
    """State of every kind of annotation."""

    kind: ClassVar[str] = "garden"
    number: int = 0
    real: float = 0.0
    flag: bool = False
    text: str = ""
    raw: bytes = b""
    maybe: int | None = None
    either: Union[int, str] = 0  # noqa: UP007
    mode: Literal["auto", "manual", 3] = "auto"
    state: Mode = Mode.AUTO
    price: Decimal = Decimal(1)
    day: date = date(2026, 1, 1)
    items: list[int] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=lambda: [[1], [2]])
    beds: dict[str, Bed] = field(default_factory=lambda: {"north": Bed()})
    mixed: dict[str, int | list[str]] = field(default_factory=dict)
    pair: tuple[int, ...] = ()
    names: set[str] = field(default_factory=set)
    recent: deque[int] = field(default_factory=lambda: deque([1, 2, 3]))
    point: Point = field(default_factory=lambda: Point(x=1, y=2.0))
    valve: Valve = field(default_factory=Valve)
    slots: Slots = field(default_factory=Slots)
    ordered: OrderedDict[str, int] = field(default_factory=OrderedDict)
    seen: Sequence[int] = ()
    map: Mapping[str, int] = field(default_factory=dict)
    loop: Iterable[int] = ()
    other: Any = None
    note: Annotated[str, "hm"] = ""
    name: Name = Name("x")
    heavy_map: numpy.ndarray[Any, Any] | None = None
    _hidden: int = 1


Body = Callable[[Any], object]


@process(inputs=[], outputs=["domain", "global"], errors=[KeyError])
def work(ctx: Any, body: Body | None = None, then: Body | None = None) -> str:
    """Do what the caller says."""
    if body is not None:
        body(ctx.domain)
    if then is not None:
        then(ctx)
    return "done"


def garden(
    schema: Any = "annotations", recipe: AuditRecipe | None = None, **fields: Any
) -> TheusEngine:
    """Open an engine over a garden."""
    engine = TheusEngine(BaseSystemContext(Limits(), Garden(**fields)), True, recipe, schema=schema)
    engine.register_process("work", work)
    return engine


@pytest.fixture(name="engine", scope="module")
def opened() -> Iterator[TheusEngine]:
    """An engine with the schema of the annotations, for tests whose writes are refused."""
    with garden() as engine:
        yield engine


def put(name: str, value: Any) -> Body:
    """Assign a field."""
    return lambda domain: setattr(domain, name, value)


def refused(engine: TheusEngine, body: Body) -> SchemaViolationError:
    """Run a body that the schema refuses, and see that nothing is left of it."""
    version, before = engine.version, repr(engine.ctx.domain_ctx)
    with pytest.raises(SchemaViolationError) as caught:
        engine.run_process("work", body=body)
    assert (engine.version, repr(engine.ctx.domain_ctx)) == (version, before)
    assert caught.value.process == "work"
    assert caught.value.__cause__ is None
    return caught.value


RING = Bed()
RING.next = RING
GOOD: list[tuple[str, Any]] = [
    ("number", 5), ("number", True), ("number", 10**30), ("real", 1), ("real", 1.5), ("flag", True),
    ("text", "x"), ("raw", b"x"), ("maybe", None), ("maybe", 3), ("either", 1), ("either", "x"),
    ("mode", "manual"), ("mode", 3), ("state", Mode.OFF), ("price", Decimal(2)), ("items", [1, 2]),
    ("rows", [[1, 2], []]), ("beds", {}), ("beds", {"s": Bed(2, Bed(3))}), ("beds", {"s": Deep()}),
    ("beds", {"ring": RING}), ("mixed", {"a": 1, "b": ["x"]}), ("pair", (1, 2)), ("names", {"a"}),
    ("recent", deque([4])), ("point", {"x": 1, "y": 2}), ("valve", Valve(name="w")),
    ("slots", Slots(2)),
    ("ordered", OrderedDict(a=1)), ("seen", [1]), ("seen", (1,)), ("map", {"a": 1}),
    ("loop", "free"),
    ("other", object), ("note", "n"), ("name", Name("n")), ("heavy_map", "free"), ("unknown", 1),
    ("real", numpy.float64(1)),
]  # fmt: skip
BAD: list[tuple[str, Any, str, str]] = [
    ("number", "5", "domain_ctx.number", "integer"),
    ("number", 5.0, "domain_ctx.number", "integer"),
    ("number", None, "domain_ctx.number", "integer"),
    ("real", "1", "domain_ctx.real", "float"),
    ("flag", 1, "domain_ctx.flag", "boolean"),
    ("text", b"x", "domain_ctx.text", "string"),
    ("maybe", "x", "domain_ctx.maybe", "integer | None"),
    ("either", 1.5, "domain_ctx.either", "integer | string"),
    ("mode", "off", "domain_ctx.mode", "Literal['auto', 'manual', 3]"),
    ("mode", 3.0, "domain_ctx.mode", "Literal['auto', 'manual', 3]"),
    ("state", "auto", "domain_ctx.state", "Mode"),
    ("price", 1, "domain_ctx.price", "Decimal"),
    ("items", (1,), "domain_ctx.items", "list[integer]"),
    ("items", [1, "x"], "domain_ctx.items[1]", "integer"),
    ("rows", [[1], ["x"]], "domain_ctx.rows[1][0]", "integer"),
    ("beds", {"s": 1}, 'domain_ctx.beds["s"]', "Bed"),
    ("beds", {1: Bed()}, "domain_ctx.beds.keys()", "string"),
    ("beds", {"s": Bed(1, Bed("x"))}, 'domain_ctx.beds["s"].next.water', "float"),  # type: ignore[arg-type]
    ("beds", {"s": Bed(tags={1})}, 'domain_ctx.beds["s"].tags[0]', "string"),  # type: ignore[arg-type]
    ("mixed", {"a": [1]}, 'domain_ctx.mixed["a"][0]', "string"),
    ("pair", (1, "x"), "domain_ctx.pair[1]", "integer"),
    ("names", {1}, "domain_ctx.names[0]", "string"),
    ("names", frozenset("a"), "domain_ctx.names", "set[string]"),
    ("recent", deque(["x"]), "domain_ctx.recent[0]", "integer"),
    ("point", {"x": 1}, 'domain_ctx.point["y"]', "float"),
    ("point", {"x": "1", "y": 2}, 'domain_ctx.point["x"]', "integer"),
    ("valve", {"name": "v"}, "domain_ctx.valve", "Valve"),
    ("valve", Valve.model_construct(limits=["x"]), "domain_ctx.valve.limits[0]", "float"),
    ("slots", Slots("x"), "domain_ctx.slots.left", "integer"),  # type: ignore[arg-type]
    ("seen", {1}, "domain_ctx.seen", "list[integer] | tuple[integer]"),
    ("map", {"a": "x"}, 'domain_ctx.map["a"]', "integer"),
    ("name", 1, "domain_ctx.name", "string"),
]


@pytest.mark.parametrize(("name", "value"), GOOD, ids=str)
def test_what_fits_is_written(name: str, value: Any) -> None:
    """A value of the type of its field, or of one that no schema names, is committed."""
    with garden() as engine:
        engine.run_process("work", body=put(name, value))
        assert getattr(engine.ctx.domain_ctx, name) is value or name == "valve"
        with engine.edit() as ctx:
            setattr(ctx.domain, name, value)


@pytest.mark.parametrize(("name", "value", "path", "expected"), BAD, ids=str)
def test_what_does_not_fit_is_refused(
    engine: TheusEngine, name: str, value: Any, path: str, expected: str
) -> None:
    """A value of another type is refused at the commit, with path, expected and got."""
    error = refused(engine, put(name, value))
    assert (error.path, error.expected) == (path, expected)
    assert error.got
    said = str(error).splitlines()
    assert said[0].startswith(f"process 'work' leaves {path} ")
    assert said[1:3] == [f"  expected:      {expected}", f"  got:           {error.got}"]
    said_edit = re.escape(f"process 'edit' leaves {path} ")
    with pytest.raises(SchemaViolationError, match=said_edit), engine.edit() as ctx:
        setattr(ctx.domain, name, value)


WRITES: list[tuple[Body, str]] = [
    (lambda d: d.items.append("x"), "domain_ctx.items[0]"),
    (lambda d: d.rows[1].append("x"), "domain_ctx.rows[1][1]"),
    (lambda d: d.rows[0].insert(0, "x"), "domain_ctx.rows[0][0]"),
    (lambda d: d.rows[0].__setitem__(0, "x"), "domain_ctx.rows[0][0]"),
    (lambda d: d.rows[0].extend([5, "x"]), "domain_ctx.rows[0][2]"),
    (lambda d: d.rows.append(["x"]), "domain_ctx.rows[2][0]"),
    (lambda d: d.beds.update(s=1), 'domain_ctx.beds["s"]'),
    (lambda d: d.beds.update(north="x"), 'domain_ctx.beds["north"]'),
    (lambda d: d.beds.setdefault(1, Bed()), "domain_ctx.beds.keys()"),
    (lambda d: setattr(d.beds["north"], "water", "x"), 'domain_ctx.beds["north"].water'),
    (lambda d: delattr(d.beds["north"], "water"), ""),
    (lambda d: d.beds["north"].tags.add(1), 'domain_ctx.beds["north"].tags[0]'),
    (lambda d: setattr(d.beds["north"], "next", Bed("x")), 'domain_ctx.beds["north"].next.water'),  # type: ignore[arg-type]
    (lambda d: d.names.add(1), "domain_ctx.names[0]"),
    (lambda d: d.recent.append("x"), "domain_ctx.recent[3]"),
    (lambda d: d.recent.appendleft("x"), "domain_ctx.recent[0]"),
    (lambda d: d.recent.__setitem__(1, "x"), "domain_ctx.recent[1]"),
    (lambda d: d.point.update(x="1"), 'domain_ctx.point["x"]'),
    (lambda d: d.point.pop("x"), 'domain_ctx.point["x"]'),
    (lambda d: d.point.clear(), 'domain_ctx.point["x"]'),
    (lambda d: setattr(d.slots, "left", "x"), "domain_ctx.slots.left"),
    (lambda d: setattr(d.slots, "right", Slots("x")), "domain_ctx.slots.right.left"),  # type: ignore[arg-type]
    (lambda d: d.ordered.update(a="x"), 'domain_ctx.ordered["a"]'),
    (lambda d: d.map.update({1: 1}), "domain_ctx.map.keys()"),
    (lambda d: d.mixed.update(a=[1]), 'domain_ctx.mixed["a"][0]'),
    (lambda d: d.items.append(None), "domain_ctx.items[0]"),
]  # fmt: skip


@pytest.mark.parametrize("row", range(len(WRITES)))
def test_writes_into_what_is_there(engine: TheusEngine, row: int) -> None:
    """Each way to write into a container or object is compared with the type of that place."""
    body, path = WRITES[row]
    error = refused(engine, body)
    assert path in ("", error.path)


def test_a_missing_field_is_refused() -> None:
    """Deleting a declared field leaves the state without it, even if its class has a default."""
    with garden() as engine:
        engine.run_process("work", body=put("unknown", 1))
        engine.run_process("work", body=lambda d: delattr(d, "unknown"))
        error = refused(engine, lambda d: delattr(d, "number"))
        assert (error.path, error.got) == ("domain_ctx.number", "nothing")
        assert "leaves domain_ctx.number missing" in str(error)


def test_only_the_end_counts() -> None:
    """What was wrong in between, and is right at the end, is committed."""
    with garden() as engine:

        def mend(domain: Any) -> None:
            domain.number = "x"
            domain.items.append("x")
            domain.rows[0] = 5
            domain.number = 6
            domain.items.pop()
            domain.rows[0] = [7]

        engine.run_process("work", body=mend)
        assert engine.ctx.domain_ctx.rows == [[7], [2]]


def test_aliases_and_pending_values() -> None:
    """A value that is stored elsewhere is compared there, with what is pending in it."""
    with garden(other=["x"], mixed={"a": ["x"]}) as engine:
        error = refused(engine, lambda d: setattr(d, "items", d.other))
        assert error.path == "domain_ctx.items[0]"

        def moved(domain: Any) -> None:
            strings = domain.other
            strings[0] = 1
            domain.items = strings

        engine.run_process("work", body=moved)
        assert engine.ctx.domain_ctx.items is engine.ctx.domain_ctx.other

        def spoiled(domain: Any) -> None:
            fresh = Bed()
            domain.beds["s"] = fresh
            domain.beds["s"].next = Bed()
            domain.beds["s"].next.water = "x"

        assert refused(engine, spoiled).path == 'domain_ctx.beds["s"].next.water'

        def dict_of(domain: Any) -> None:
            domain.other = {"k": 1}
            domain.other["n"] = "x"
            domain.map = domain.other

        assert refused(engine, dict_of).path == 'domain_ctx.map["n"]'

        def tags(domain: Any) -> None:
            domain.other = {"k"}
            domain.other.add(1)
            domain.names = domain.other

        assert refused(engine, tags).path in ("domain_ctx.names[0]", "domain_ctx.names[1]")

        def recent(domain: Any) -> None:
            domain.other = deque([1])
            domain.other.append("x")
            domain.recent = domain.other

        assert refused(engine, recent).path == "domain_ctx.recent[1]"


def test_nested_processes() -> None:
    """A nested run is compared at its own end, and what it left again with the outer one."""
    with garden() as engine:

        def inner_bad(ctx: Any) -> None:
            with pytest.raises(SchemaViolationError, match=r"leaves domain_ctx\.items\[0\]"):
                engine.run_process("work", body=lambda d: d.items.append("x"))
            ctx.domain.number = 7

        engine.run_process("work", then=inner_bad)
        assert (engine.ctx.domain_ctx.number, engine.ctx.domain_ctx.items) == (7, [])

        def inner_escapes(ctx: Any) -> None:
            engine.run_process("work", body=lambda d: setattr(d, "number", "x"))

        with pytest.raises(SchemaViolationError):
            engine.run_process("work", then=inner_escapes)

        def outer_spoils(ctx: Any) -> None:
            engine.run_process("work", body=lambda d: d.rows[0].append(5))
            ctx.domain.rows[0][0] = "x"

        with pytest.raises(SchemaViolationError, match=r"rows\[0\]\[0\]"):
            engine.run_process("work", then=outer_spoils)

        def both(ctx: Any) -> None:
            ctx.domain.number = 1
            engine.run_process("work", body=lambda d: d.rows[0].append(5))
            engine.run_process("work", body=lambda d: d.rows[1].append(6))
            ctx.domain.number = 2

        engine.run_process("work", then=both)
        assert engine.ctx.domain_ctx.rows == [[1, 5], [2, 6]]


def test_a_refusal_is_no_undeclared_error() -> None:
    """The refusal of a nested run reaches the outermost caller as it is."""
    assert issubclass(SchemaViolationError, ConfigError)
    assert issubclass(SchemaViolationError, TypeError)
    assert not issubclass(SchemaViolationError, ContractViolationError)


def test_global_fields_and_heavy_ones() -> None:
    """The global layer counts too; what is HEAVY is written through and not judged."""
    with garden() as engine:
        with pytest.raises(SchemaViolationError, match=r"global_ctx\.most"):
            engine.run_process("work", then=lambda ctx: setattr(ctx.global_ctx, "most", "x"))
        engine.run_process("work", body=put("heavy_map", "x"))
        assert engine.ctx.domain_ctx.heavy_map == "x"


def test_the_state_an_engine_is_given_is_compared_once() -> None:
    """An engine does not start on a state that is not as its schema says."""
    for fields, path in (
        ({"number": "x"}, "domain_ctx.number"),
        ({"beds": {"n": Bed(next=Bed("x"))}}, 'domain_ctx.beds["n"].next.water'),  # type: ignore[arg-type]
        ({"rows": [[1], [2, None]]}, "domain_ctx.rows[1][1]"),
    ):
        with pytest.raises(SchemaViolationError, match="the context has") as caught:
            garden(**fields)
        assert caught.value.path == path
        assert caught.value.process == ""
    schema = ContextSchema.from_dict(
        {"domain": {"gone": {"type": "any"}, "lost": {"type": "list"}}}
    )
    with pytest.raises(SchemaViolationError, match=r"the context has no domain_ctx\.lost"):
        garden(schema)


def test_without_a_schema_nothing_is_compared() -> None:
    """Off by default; in training mode it is off too, and one warning says so."""
    with garden(None) as engine:
        engine.run_process("work", body=put("number", "x"))
    with pytest.raises(TypeError, match=r"give ConfigFactory\.load_schema"):
        garden({"domain": {}})


def test_training_mode_judges_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A schema that has no effect says so."""
    root = BaseSystemContext(Limits(), Garden())
    with TheusEngine(root, False, schema="annotations") as engine:
        engine.register_process("work", work)
        engine.run_process("work", body=put("number", "x"))
    assert [r.getMessage() for r in caplog.records] == [
        "a schema has no effect in training mode: nothing is judged"
    ]


def test_rules_are_asked_about_what_fits() -> None:
    """The schema comes before the rules of a recipe, which may rely on it."""
    rule = RuleSpec("domain.number", "min", 0, "B")
    recipe = AuditRecipe({"work": ProcessRecipe("work", [], [rule])})
    with garden(recipe=recipe) as engine:
        refused(engine, put("number", "x"))
        assert len(engine.audit_log) == 0
        with pytest.raises(AuditBlockError):
            engine.run_process("work", body=put("number", -1))


def test_only_what_is_written_is_compared() -> None:
    """A14: what a run did not write is not looked at, whatever stands there and however much."""
    with garden(items=list(range(1000)), beds={"n": Bed(), "s": Bed()}) as engine:
        state = engine.ctx.domain_ctx
        state.items[500] = "x"  # what no engine can see: a list that is changed from outside
        state.beds["s"].__dict__["water"] = "x"
        state.__dict__["text"] = 5
        for body in (
            lambda d: d.items.append(1),
            lambda d: d.items.__setitem__(0, 7),
            lambda d: d.items.pop(),
            lambda d: d.beds.update(w=Bed()),
            lambda d: setattr(d.beds["n"], "water", 2),
            put("number", 1),
        ):
            engine.run_process("work", body=body)
        assert refused(engine, lambda d: d.items.reverse()).path == "domain_ctx.items[499]"
        assert refused(engine, lambda d: setattr(d, "beds", dict(d.beds))).got == "str 'x'"


def test_threads_write_what_fits() -> None:
    """Threads on one engine are refused and committed each for itself."""
    with garden() as engine:
        wrong: list[int] = []

        def some(kind: int) -> None:
            for i in range(60):
                value = i if kind else "x"
                try:
                    engine.run_process("work", body=lambda d, v=value: d.items.append(v))
                except SchemaViolationError:
                    wrong.append(kind)

        threads = [threading.Thread(target=some, args=(i % 2,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == [0] * 120
        assert len(engine.ctx.domain_ctx.items) == 120


def test_nothing_is_kept() -> None:
    """A run that wrote much keeps no reference to what it wrote, refused or not."""
    with garden() as engine:
        value = [Bed() for _ in range(50)]
        engine.run_process("work", body=put("other", value))
        count = sys.getrefcount(value[0])
        for bad in (False, True):
            for _ in range(20):

                def touch(domain: Any, bad: bool = bad) -> None:
                    for bed in domain.other:
                        bed.water += 1
                    domain.beds = {"a": domain.other[0], "b": 5 if bad else domain.other[1]}

                try:
                    engine.run_process("work", body=touch)
                except SchemaViolationError:
                    assert bad
            engine.run_process("work", body=put("beds", {}))
        now = sys.getrefcount(value[0])  # outside of an assert, which keeps what it looks at
        assert now == count


# ---- files -------------------------------------------------------------------------------------

FILE = """\
context:
  global: {most: {type: integer, default: 4}}
  domain:
    number: {type: integer}
    real: {type: float, required: false}
    beds: {type: "dict[string, Bed]"}
    point: {type: Point}
    day: {type: date}
    mode: {type: "Literal['auto', 'manual'] | none", default: auto}
    free: {type: any}
objects:
  Bed: {water: {type: float}, next: {type: Bed | none}}
  Point: {x: {type: integer}}
"""


def state() -> Garden:
    """A state that fits the file."""
    made = Garden(real=None)  # type: ignore[arg-type]
    made.free = 1  # type: ignore[attr-defined]
    return made


def from_file(tmp_path: Path, text: str = FILE) -> TheusEngine:
    """An engine with the schema of a file."""
    path = tmp_path / "schema.yaml"
    path.write_text(text)
    schema = ConfigFactory.load_schema(path)
    engine = TheusEngine(BaseSystemContext(Limits(), state()), True, schema=schema)
    engine.register_process("work", work)
    return engine


def test_a_file_says_types(tmp_path: Path) -> None:
    """The words of a file, named objects, None where a field is not required."""
    with from_file(tmp_path) as engine:
        for name, value in (
            ("number", 1),
            ("real", None),
            ("real", 2),
            ("mode", None),
            ("free", 5),
        ):
            engine.run_process("work", body=put(name, value))
        for name, value, path in (
            ("number", 1.5, "domain_ctx.number"),
            ("mode", "off", "domain_ctx.mode"),
            ("day", "today", "domain_ctx.day"),
            ("beds", {"n": Bed("x")}, 'domain_ctx.beds["n"].water'),  # type: ignore[arg-type]
            ("beds", {"n": {"water": 1.0}}, 'domain_ctx.beds["n"]["next"]'),
            ("point", {"x": 1.5}, 'domain_ctx.point["x"]'),
        ):
            assert refused(engine, put(name, value)).path == path
        engine.run_process("work", body=put("beds", {"n": {"water": 1.0, "next": None}}))
        assert refused(engine, lambda d: d.beds["n"].update(water="x")).path


def test_a_schema_as_values(tmp_path: Path) -> None:
    """A schema is values that a program may change; the outer key may be left out."""
    path = tmp_path / "schema.yaml"
    path.write_text(FILE)
    read = ConfigFactory.load_schema(path)
    assert read.global_fields == {"most": FieldSpec("most", "integer", True, 4)}
    assert read.domain_fields["real"] == FieldSpec("real", "float", False)
    assert read.objects["Point"] == {"x": FieldSpec("x", "integer")}
    assert read.source == str(path)
    read.domain_fields["number"].type = "string"
    with pytest.raises(SchemaViolationError, match="number"):
        TheusEngine(BaseSystemContext(Limits(), state()), True, schema=read)
    flat = ContextSchema.from_dict({"domain": {"number": {"type": "integer"}}})
    assert flat == ContextSchema({}, {"number": FieldSpec("number", "integer")})
    path.write_text("# nothing but a comment\n")
    assert ConfigFactory.load_schema(path) == ContextSchema(source=str(path))
    with pytest.raises(FileNotFoundError):
        ConfigFactory.load_schema(tmp_path / "gone.yaml")
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        ConfigFactory.load_schema(path)
    with pytest.raises(ConfigError, match="a dict with global and domain"):
        ContextSchema.from_dict([])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is a FieldSpec"):
        garden(ContextSchema({}, {"number": "integer"}))  # type: ignore[dict-item]


def test_from_context_round_trips() -> None:
    """What annotations say can be written as a file and read again."""
    schema = ContextSchema.from_context(BaseSystemContext(Limits(), Garden()))
    assert "kind" not in schema.domain_fields
    assert "_hidden" not in schema.domain_fields
    assert schema.objects["Bed"]["next"].type == "Bed | None"
    assert schema.domain_fields["loop"].type == "any"
    again = ContextSchema.from_dict(
        {
            "domain": {name: {"type": each.type} for name, each in schema.domain_fields.items()},
            "global": {name: {"type": each.type} for name, each in schema.global_fields.items()},
            "objects": {
                name: {key: {"type": each.type} for key, each in fields.items()}
                for name, fields in schema.objects.items()
            },
        }
    )
    assert again == schema

    @dataclass
    class Wrong(BaseDomainContext):
        x: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    root = BaseSystemContext(None, Wrong(1))
    with pytest.raises(ConfigError, match="name 'Nowhere' is not defined"):
        TheusEngine(root, True, schema="annotations")


MISTAKES = [
    ("type: integer}", "typ: integer}", '4:14: "typ" is no key of a field; did you mean "type"?'),
    ("number: {type: integer}", "number: {type: integr}", '4:20: type "integr": there is no type'),
    ("type: integer}\n    real", "type: 5}\n    real", "4:20: the name of a type belongs here"),
    ("dict[string, Bed]", "dict[string, Bad]", 'did you mean "Bed"?'),
    ("dict[string, Bed]", "dict[string, Bed", "a ] is missing here"),
    ("dict[string, Bed]", "dict[string]", "dict takes 2 types"),
    ("dict[string, Bed]", "list[string, Bed]", "list takes 1 types"),
    ("dict[string, Bed]", "Union", "Union wants types in [ ]"),
    ("Literal['auto', 'manual']", "Literal['auto', x]", "a text in quotation marks, a whole"),
    ("Literal['auto', 'manual']", "Literal", "Literal wants values in [ ]"),
    ("default: auto", "default: 5", "9:5: the default 5 is not of type"),
    ("domain:", "domian:", '"domian" is no layer of the context; did you mean "domain"?'),
    ("objects:", "object:", '"object" is no key of a schema; did you mean "objects"?'),
    ("required: false", "required: maybe", "true or false belongs here"),
    ("  Point: {", "  Bed: {", '"Bed" is given twice'),
    ("  Point: {", "  list: {", '"list" is a word of the language already'),
    ("number: {type: integer}", "number: integer", "a mapping, like {type: integer}, belongs here"),
    ("number: {type: integer}", "number: {x: {type: integer}}", '"x" is no key of a field'),
    ("context:", "context: [", "this is no YAML"),
    ("Bed | none", "Bed | | none", "the name of a type belongs here"),
    ("Bed | none", "Bed none", "this is not expected here"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=str)
def test_mistakes_have_a_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A5: a malformed schema is refused with file, line and column; the engine does not start."""
    assert old in FILE
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        from_file(tmp_path, FILE.replace(old, new, 1))
    assert "Invalid Schema: " in str(caught.value)
    assert f"{tmp_path / 'schema.yaml'}:" in str(caught.value)


def test_a_built_schema_names_its_fields() -> None:
    """What a program built has no lines: the field is named."""
    with pytest.raises(ConfigError, match=r'domain\.number: "typ" is no key of a field'):
        ContextSchema.from_dict({"domain": {"number": {"typ": "integer"}}})
    with pytest.raises(ConfigError, match=r'domain\.number: type "nope": there is no type'):
        garden(ContextSchema.from_dict({"domain": {"number": {"type": "nope"}}}))


def test_large_and_hostile_files(tmp_path: Path) -> None:
    """Depth, size and aliases are bounded, and each bound says so."""
    deep = "list[" * 40 + "integer" + "]" * 40
    for text, said in (
        ("domain: {x: {type: '" + deep + "'}}", "nests too deep"),
        ("#" * (5 << 20), "longer than 4 MiB"),
        ("domain: &a {x: *a}", "stands inside of what it repeats"),
        ("a: " + "[" * 100 + "]" * 100, "nested more than 64 deep"),
    ):
        with pytest.raises(ConfigError, match=said):
            from_file(tmp_path, text)


# ---- twin --------------------------------------------------------------------------------------

WORDS: dict[str, Callable[[Any], bool]] = {
    "integer": lambda v: isinstance(v, int),
    "float": lambda v: isinstance(v, float | int),
    "boolean": lambda v: isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "bytes": lambda v: isinstance(v, bytes),
    "None": lambda v: v is None,
    "any": lambda v: True,
    "Literal[1, 'x']": lambda v: (type(v) is int and v == 1) or v == "x",
}


def twin(name: str, value: Any) -> bool:
    """Whether a value is of a type: the plain way."""
    if name in WORDS:
        return WORDS[name](value)
    if name.startswith("list["):
        return isinstance(value, list) and all(twin(name[5:-1], each) for each in value)
    if name.startswith("set["):
        return isinstance(value, set) and all(twin(name[4:-1], each) for each in value)
    inner = name.removeprefix("dict[string, ")[:-1]
    return isinstance(value, dict) and all(
        isinstance(key, str) and twin(inner, each) for key, each in value.items()
    )


NAMES = st.recursive(
    st.sampled_from(sorted(WORDS)),
    lambda inner: st.builds(
        lambda form, name: form.format(name),
        st.sampled_from(["list[{}]", "dict[string, {}]"]),
        inner,
    ),
    max_leaves=4,
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.sampled_from(["x", "y", b"x"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", 1]), inner, max_size=3),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(NAMES, VALUES)
def test_twin(name: str, value: Any) -> None:
    """A value is refused where, and only where, the plain way finds it is of another type."""
    fits = twin(name, value)
    schema = ContextSchema({}, {"other": FieldSpec("other", name)})
    seen = ContextSchema({}, {"other": FieldSpec("other", "any")})
    for given_schema in (schema, seen):
        try:
            with garden(given_schema, other=value):
                accepted = True
        except SchemaViolationError:
            accepted = False
        assert accepted == (fits or given_schema is seen)
    assert _kernel.started()
