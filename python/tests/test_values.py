"""What each kind of value is inside a process, and what it is after it."""

import copy
import datetime
import decimal
import enum
import fractions
import io
import json
import math
import pathlib
import pickle
import re
import uuid
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pydantic
import pytest
from harness import Declared, World
from model import Data, Plain, Slots

from theus import AccessDeniedError, FrozenInputError, UnsupportedValueError, plain, structures


class Color(enum.Enum):
    """An enum; also its member may have methods."""

    RED = 1

    def shout(self) -> str:
        """A method."""
        return self.name + "!"


class Flags(enum.IntFlag):
    """Members combine."""

    A = 1
    B = 2


class Count(int):
    """A subclass of a plain type."""


def a_function() -> int:
    """A function is a value."""
    return 1


PLAIN: list[Any] = [
    None, True, 0, -(2**80), 1.5, math.inf, 1 + 2j, "text", b"bytes", ..., NotImplemented,
    Color.RED, Flags.A | Flags.B, Count(3),
    datetime.date(2024, 1, 1), datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    datetime.time(1), datetime.timedelta(1), datetime.UTC,
    decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=1),
    pathlib.Path("a/b"), pathlib.PurePosixPath("a"), range(3), re.compile("a+"), frozenset({1, 2}),
    slice(1, 2), a_function, len, math.sqrt, Plain, Color, json, int | str, list[int],
    np.float64(1.5), np.int8(1), np.bool_(True), np.datetime64("2024"), np.dtype("f4"),
    (), (1, "x", (None,)),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("role", ["inputs", "outputs"])
def test_plain_kinds_are_themselves(value: Any, role: str) -> None:
    """D20: a value of a plain kind is handed out as the very object, by every way in."""
    world = World(x=value, items=[value], d={"k": value}, t=(value, []))
    contract: dict[str, Any] = {"inputs": [], "outputs": [], role: ["domain"]}

    def body(ctx: Any) -> bool:
        d = ctx.domain
        found = [d.x, d.items[0], *d.items, d.d["k"], *d.d.values(), d.d.get("k"), d.t[0]]
        return all(each is value for each in found)

    assert world.run(body, **contract)


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_plain_kinds_are_stored_as_they_are(value: Any) -> None:
    """D20: what a process stores is the very object after the commit."""
    world = World(items=[], d={})

    def body(ctx: Any) -> None:
        ctx.domain.x = value
        ctx.domain.items.append(value)
        ctx.domain.d["k"] = value

    world.run(body)
    assert all(
        each is value for each in (world.domain.x, world.domain.items[0], world.domain.d["k"])
    )


def test_functions_in_the_state_can_be_called() -> None:
    """L15: functions and classes pass as themselves, and work."""
    world = World(f=a_function, kind=Plain, color=Color.RED)

    def body(ctx: Any) -> Any:
        made = ctx.domain.kind(a=1)
        return ctx.domain.f(), made.a, ctx.domain.color.shout(), f"{ctx.domain.color}"

    assert world.run(body) == (1, 1, "RED!", "Color.RED")


# ---- views quack ---------------------------------------------------------------------------------


def _match(value: Any) -> str:
    match value:
        case [first, *rest]:
            return f"sequence {first} {rest}"
        case {"a": found, **rest}:
            return f"mapping {found} {rest}"
        case _:
            return "nothing"


def _sliced(value: Any) -> list[Any]:
    target = [0, 0]
    target[1:] = value
    return target


def _keywords(**given: Any) -> dict[str, Any]:
    return given


def _unpacked(first: Any, *rest: Any) -> Any:
    return first, rest


LIST = [3, 1, 2]
LIST_LAWS: dict[str, Callable[[Any], Any]] = {
    "isinstance": lambda v: (isinstance(v, list), isinstance(v, Sequence),
                             isinstance(v, MutableSequence), v.__class__ is list),
    "equal": lambda v: (v == [3, 1, 2], v == [3, 1, 2], v != [3], v == v, v == (3, 1, 2)),
    "order": lambda v: (v < [4], v <= [3], v > [3], v > [3, 0], v >= v),
    "repr": repr,
    "str": str,
    "format": lambda v: f"{v} {v!r}",
    "len": len,
    "bool": bool,
    "in": lambda v: (1 in v, 9 in v),
    "index": lambda v: [v[0], v[-1], v[-3]],
    "index outside": lambda v: v[3],
    "index before": lambda v: v[-4],
    "index wrong": lambda v: v["a"],
    "numpy index": lambda v: v[np.int64(1)],
    "slices": lambda v: [v[:], v[1:], v[::-1], v[5:], v[-2:9], v[::2], v[2:0:-1]],
    "iterate": lambda v: [each for each in v],  # noqa: C416
    "two iterators": lambda v: list(zip(iter(v), reversed(v), strict=True)),
    "unpack": lambda v: _unpacked(*v),
    "sorted": lambda v: (sorted(v), sorted(v, reverse=True), min(v), max(v), sum(v)),
    "+": lambda v: ([*v, 9], [9, *v], type([*v, 9])),
    "+ tuple": lambda v: (*v, 1),
    "*": lambda v: (v * 2, 2 * v, v * 0),
    "count": lambda v: (v.count(1), v.count(9)),
    ".index": lambda v: (v.index(1), v.index(2, 1), v.index(2, -1)),
    ".index missing": lambda v: v.index(9),
    "copy": lambda v: (v.copy(), type(v.copy()), copy.copy(v), copy.deepcopy(v)),
    "pickle": lambda v: pickle.loads(pickle.dumps(v)),
    "list": lambda v: (list(v), tuple(v), set(v), type(list(v))),
    "hash": hash,
    "match": _match,
    "json": lambda v: json.dumps(v, default=plain),
    "join": lambda v: "".join(map(str, v)),
    "concat to": lambda v: [0, *v, 0],
    "extend with": [].extend,
    "slice assign": _sliced,
    "attribute": lambda v: v.nothing,
    "call": lambda v: v(),
    "enumerate": lambda v: list(enumerate(v, 1)),
    "numpy": lambda v: np.asarray(v).tolist(),
    "numpy sum": lambda v: int(np.sum(np.array(v))),
}  # fmt: skip
DICT = {"a": 1, 2: [3], None: {"x": 1}}
DICT_LAWS: dict[str, Callable[[Any], Any]] = {
    "isinstance": lambda v: (isinstance(v, dict), isinstance(v, Mapping),
                             isinstance(v, MutableMapping), v.__class__ is dict),
    "equal": lambda v: (v == {"a": 1, None: {"x": 1}, 2: [3]}, v != {}, v == v, v == [1]),
    "order": lambda v: v < {},
    "repr": repr,
    "str": str,
    "len": len,
    "bool": bool,
    "in": lambda v: ("a" in v, 2 in v, None in v, "b" in v, 2.0 in v),
    "unhashable in": lambda v: [] in v,
    "item": lambda v: (v["a"], v[2], v[2.0], v[None]["x"]),
    "missing": lambda v: v["b"],
    "unhashable": lambda v: v[[]],
    "get": lambda v: (v.get("a"), v.get("b"), v.get("b", 5), v.get(2)[0]),
    "keys": lambda v: (list(v.keys()), len(v.keys()), "a" in v.keys(), list(v)),  # noqa: SIM118
    "keys are a set": lambda v: (v.keys() & {"a"}, v.keys() - {"a"}, v.keys() == {"a", 2, None}),
    "values": lambda v: (list(v.values()), len(v.values()), 1 in v.values()),
    "items": lambda v: (list(v.items()), len(v.items()), ("a", 1) in v.items()),
    "iterate": lambda v: {key: each for key, each in v.items()},  # noqa: C416
    "reversed": lambda v: list(reversed(v)),
    "dict": lambda v: (dict(v), {**v}, type(dict(v))),
    "|": lambda v: (v | {"a": 2}, {"a": 2} | v, type(v | {})),
    "copy": lambda v: (v.copy(), copy.copy(v), copy.deepcopy(v), type(v.copy())),
    "pickle": lambda v: pickle.loads(pickle.dumps(v)),
    "hash": hash,
    "match": _match,
    "json": lambda v: json.dumps({"d": v}, default=plain),
    "call with": lambda v: _keywords(**{k: each for k, each in v.items() if k == "a"}),
    "update a dict": lambda v: (got := {}, got.update(v), got),
    "fromkeys": lambda v: dict.fromkeys(v, 0),
    "sum": lambda v: sum(each for each in v.values() if isinstance(each, int)),
    "attribute": lambda v: v.nothing,
    "format": lambda v: f"{v}",
}  # fmt: skip


def answer(law: Callable[[Any], Any], value: Any) -> Any:
    """What an operation gives, or how it fails."""
    try:
        return plain(law(value))
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize("role", ["inputs", "outputs"])
@pytest.mark.parametrize("law", LIST_LAWS)
def test_a_list_view_is_a_list(law: str, role: str) -> None:
    """D19: either kind of view passes the tests of a list; results made of it are lists."""
    world = World(v=list(LIST))
    contract: dict[str, Any] = {"inputs": [], "outputs": [], role: ["domain"]}
    expected = answer(LIST_LAWS[law], list(LIST))
    assert expected == world.run(lambda ctx: answer(LIST_LAWS[law], ctx.domain.v), **contract)
    assert list(LIST) == world.domain.v


@pytest.mark.parametrize("role", ["inputs", "outputs"])
@pytest.mark.parametrize("law", DICT_LAWS)
def test_a_dict_view_is_a_dict(law: str, role: str) -> None:
    """D19: either kind of view passes the tests of a dict; results made of it are dicts."""
    world = World(v=copy.deepcopy(DICT))
    contract: dict[str, Any] = {"inputs": [], "outputs": [], role: ["domain"]}
    expected = answer(DICT_LAWS[law], copy.deepcopy(DICT))
    assert expected == world.run(lambda ctx: answer(DICT_LAWS[law], ctx.domain.v), **contract)
    assert world.domain.v == DICT


def test_views_see_the_pending_state() -> None:
    """The same laws hold for a list and a dict with writes that are not committed."""
    world = World(items=[9, 1], d={"a": 0, "gone": 1})

    def body(ctx: Any) -> None:
        items, d = ctx.domain.items, ctx.domain.d
        items[0] = 3
        items.append(2)
        del d["gone"]
        d.update({"a": 1, 2: [3], None: {"x": 1}})
        for name, law in LIST_LAWS.items():
            assert answer(law, list(LIST)) == answer(law, items), name
        for name, law in DICT_LAWS.items():
            assert answer(law, copy.deepcopy(DICT)) == answer(law, d), name

    world.run(body)


def test_view_types_have_public_names() -> None:
    """theus.structures names the types of the views, for isinstance."""
    world = World(items=[], d={})

    def body(ctx: Any) -> list[type]:
        return [type(ctx.domain.items), type(ctx.domain.d)]

    assert [structures.TrackedList, structures.TrackedDict] == world.run(body)
    frozen = world.run(body, inputs=["domain"], outputs=[])
    assert [structures.FrozenList, structures.FrozenDict] == frozen


def test_two_views_compare_by_value() -> None:
    """A view equals another view, and the object, with the same contents."""
    world = World(a=[1, {"x": 1}], b=[1, {"x": 1}], c={"k": [1]}, e={"k": [1]})

    def body(ctx: Any) -> bool:
        d = ctx.domain
        return d.a == d.b and d.c == d.e and d.a == [1, {"x": 1}] and d.a is not d.b

    assert world.run(body)


# ---- objects -------------------------------------------------------------------------------------


@dataclass
class Account:
    """A dataclass with everything."""

    balance: int = 0
    tags: list[str] = field(default_factory=list)
    limit = 10
    _hidden: int = 1

    def deposit(self, amount: int) -> int:
        """A method that writes."""
        self.balance += amount
        self._note(amount)
        return self.balance

    def _note(self, amount: int) -> None:
        self._hidden += amount
        self.tags.append(str(amount))

    @property
    def rich(self) -> bool:
        """A property that reads a private name."""
        return self.balance > self._hidden

    @classmethod
    def make(cls, balance: int) -> "Account":
        """A class method."""
        return cls(balance)

    @staticmethod
    def fee(amount: int) -> int:
        """A static method."""
        return amount // 10

    def __add__(self, amount: int) -> "Account":
        return Account(self.balance + amount)

    def __len__(self) -> int:
        return self.balance

    def __contains__(self, tag: str) -> bool:
        return tag in self.tags

    def __getitem__(self, index: int) -> str:
        return self.tags[index]

    def __iter__(self) -> Any:
        return iter(self.tags)

    def __call__(self, amount: int) -> int:
        return self.deposit(amount)

    def __bool__(self) -> bool:
        return self.balance > 0

    def __lt__(self, other: "Account") -> bool:
        return self.balance < other.balance


def _match_account(value: Any) -> Any:
    match value:
        case Account(balance=balance, tags=[first]):
            return balance, first
        case _:
            return None


OBJECT_LAWS: dict[str, Callable[[Any], Any]] = {
    "isinstance": lambda v: (isinstance(v, Account), v.__class__ is Account),
    "class attribute": lambda v: v.limit,
    "method": lambda v: v.deposit(5),
    "bound method": lambda v: [deposit(n) for deposit in [v.deposit] for n in (1, 2)],
    "property": lambda v: v.rich,
    "class method": lambda v: v.make(3).balance,
    "static method": lambda v: v.fee(50),
    "operator": lambda v: (v + 5).balance,
    "len": len,
    "in": lambda v: ("a" in v, "z" in v),
    "item": lambda v: v[0],
    "iterate": list,
    "call": lambda v: v(4),
    "bool": bool,
    "order": lambda v: (v < Account(10**6), Account(0) < v),
    "equal": lambda v: (v == Account(7, ["a"]), v != Account(7, ["a"]), v == 3),
    "repr": repr,
    "hash": hash,
    "asdict": lambda v: {**asdict(plain(v)), "_hidden": 0},  # asks type(), which no view can be
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda v: pickle.loads(pickle.dumps(v)),
    "match": _match_account,
    "vars": lambda v: {name: each for name, each in vars(v).items() if name[0] != "_"},
    "dir": lambda v: {name for name in dir(v) if name[0] != "_"},
    "missing": lambda v: v.nothing,
    "call missing": lambda v: v.nothing(),
    "set read-only": lambda v: setattr(v, "rich", True),
}


@pytest.mark.parametrize("law", OBJECT_LAWS)
def test_an_object_view_is_the_object(law: str) -> None:
    """L10, P2: methods, properties, operators and protocols of an object work on its view."""
    twin = Account(7, ["a"])
    expected = answer(OBJECT_LAWS[law], twin)
    world = World(v=Account(7, ["a"]))
    assert expected == world.run(lambda ctx: answer(OBJECT_LAWS[law], ctx.domain.v))
    assert vars(twin) == vars(world.domain.v)


MUTATING = ["method", "bound method", "call"]


@pytest.mark.parametrize("law", OBJECT_LAWS)
def test_a_frozen_object_view(law: str) -> None:
    """L10: on an input the same works, except that a method cannot write."""
    world = World(v=Account(7, ["a"]))

    def body(ctx: Any) -> Any:
        return answer(OBJECT_LAWS[law], ctx.domain.v)

    expected = FrozenInputError if law in MUTATING else answer(OBJECT_LAWS[law], Account(7, ["a"]))
    if law == "set read-only":
        expected = FrozenInputError
    assert expected == world.run(body, inputs=["domain"], outputs=[])
    assert Account(7, ["a"]) == world.domain.v


def test_self_may_use_private_names_and_nobody_else() -> None:
    """A method uses the _names of its own object; nobody else's."""

    class Nosy:
        def look(self, other: Any) -> Any:
            return other._hidden

    world = World(v=Account(7), nosy=Nosy())
    with pytest.raises(AccessDeniedError):
        world.run(lambda ctx: ctx.domain.v._hidden)
    with pytest.raises(AccessDeniedError):
        world.run(lambda ctx: ctx.domain.nosy.look(ctx.domain.v))
    assert world.run(lambda ctx: ctx.domain.v.deposit(5)) == 12
    assert world.domain.v._hidden == 6


def test_a_function_of_the_class_is_no_method() -> None:
    """Account.deposit(view, 3) is process code: its argument has no right to private names."""
    world = World(v=Account(7))
    with pytest.raises(AccessDeniedError):
        world.run(lambda ctx: Account.deposit(ctx.domain.v, 3))
    assert Account(7) == world.domain.v


def test_self_does_not_leak_private_rights() -> None:
    """What a method hands out of itself has lost the right to private names."""

    class Leaky:
        def __init__(self) -> None:
            self._secret = [1]
            self.kept: list[Any] = []

        def me(self) -> Any:
            return self

    world = World(v=Leaky())
    with pytest.raises(AccessDeniedError):
        world.run(lambda ctx: ctx.domain.v.me()._secret)


class Base:
    """Inheritance with super(), slots and class-level fields."""

    total = 0

    def grow(self) -> str:
        """Write a field that only the class has."""
        self.total += 1
        return "base"


class Derived(Base):
    """Calls its base."""

    __slots__ = ("extra",)

    def grow(self) -> str:
        """Write a slot, then the base."""
        self.extra = [1]
        return super().grow() + " derived"


def test_super_slots_and_class_fields() -> None:
    """super(), slots and fields that exist on the class only are exact."""
    world = World(v=Derived())
    assert world.run(lambda ctx: ctx.domain.v.grow()) == "base derived"
    assert (world.domain.v.total, Base.total, world.domain.v.extra) == (1, 0, [1])
    world.run(lambda ctx: delattr(ctx.domain.v, "total"))
    assert "total" not in vars(world.domain.v)
    with pytest.raises(Exception, match="AttributeError"):
        world.run(lambda ctx: delattr(ctx.domain.v, "total"))


def test_deleting_a_field_shows_its_class_default() -> None:
    """Deleting an instance's value shows the class' one, in the run and after it."""
    world = World(v=Data(a=5))

    def body(ctx: Any) -> Any:
        del ctx.domain.v.a
        with pytest.raises(AttributeError):
            del ctx.domain.v.a
        return ctx.domain.v.a

    assert world.run(body) == 0
    assert world.domain.v.a == 0


@dataclass(frozen=True)
class Point:
    """A frozen dataclass that holds a list."""

    x: int
    path: list[int] = field(default_factory=list)


def test_frozen_dataclasses() -> None:
    """Its fields cannot be assigned, as in Python; what it holds can be changed."""
    world = World(p=Point(1))

    def body(ctx: Any) -> Any:
        with pytest.raises(AttributeError):
            ctx.domain.p.x = 2
        ctx.domain.p.path.append(1)
        return ctx.domain.p == Point(1, [1])

    assert world.run(body)
    assert Point(1, [1]) == world.domain.p


@dataclass(slots=True)
class Tight:
    """A dataclass with slots."""

    x: int = 0
    tags: list[int] = field(default_factory=list)


@pytest.mark.parametrize("make", [Plain, Data, Slots, Tight])
def test_object_kinds(make: type) -> None:
    """Plain, dataclass and slots objects: read, write, delete, fail, commit."""
    world = World(v=make())
    name = "x" if make is Tight else "a"
    setattr(world.domain.v, name, 1)

    def body(ctx: Any) -> Any:
        v = ctx.domain.v
        setattr(v, name, [getattr(v, name)])
        getattr(v, name).append(2)
        return isinstance(v, make), getattr(v, name)

    world.fails_without_a_trace(body)
    assert world.run(body) == (True, [1, 2])
    assert getattr(world.domain.v, name) == [1, 2]

    def unknown(ctx: Any) -> None:
        ctx.domain.v.unknown = 1

    if make in (Slots, Tight):
        with pytest.raises(Exception, match="AttributeError"):
            world.run(unknown)
    else:
        world.run(unknown)
        assert world.domain.v.unknown == 1


class Model(pydantic.BaseModel):
    """A pydantic model that validates what is assigned."""

    model_config = pydantic.ConfigDict(validate_assignment=True)
    n: int = 0
    tags: list[int] = pydantic.Field(default_factory=list)
    child: "Model | None" = None


def test_pydantic_models() -> None:
    """D15, P2: fields are read, written, rolled back; validation runs; methods work."""
    world = World(m=Model(child=Model(n=1)))

    def body(ctx: Any) -> Any:
        m = ctx.domain.m
        m.n = 5
        m.tags.append(1)
        m.child.n += 1
        return isinstance(m, Model), m.model_dump(warnings=False)  # its fields are views

    seen = world.run(body)
    dumped = {"n": 5, "tags": [1], "child": {"n": 2, "tags": [], "child": None}}
    assert (True, dumped) == seen
    assert dumped == world.domain.m.model_dump()
    assert {"n", "child"} == world.domain.m.model_fields_set

    def fails(ctx: Any) -> None:
        body(ctx)
        raise Declared

    with pytest.raises(Declared):
        world.run(fails)
    assert dumped == world.domain.m.model_dump()


def test_pydantic_validation_stops_a_commit() -> None:
    """D17: an invalid value rolls everything back, wherever the validator runs."""
    world = World(n=1, m=Model(n=1))

    def body(ctx: Any) -> None:
        ctx.domain.n = 2
        ctx.domain.m.tags = [1]
        ctx.domain.m.n = "no number"

    with pytest.raises(Exception, match="valid integer"):
        world.run(body)
    assert (1, Model(n=1)) == (world.domain.n, world.domain.m)
    assert {"n"} == world.domain.m.model_fields_set


def test_pydantic_takes_views() -> None:
    """P2: a view of a list or dict validates as one."""
    world = World(tags=[1, 2], d={"n": 3})

    def body(ctx: Any) -> Any:
        return Model(tags=ctx.domain.tags, **ctx.domain.d).model_dump()

    assert world.run(body) == {"n": 3, "tags": [1, 2], "child": None}


# ---- tuples --------------------------------------------------------------------------------------

Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024


class Typed(NamedTuple):
    """A typed namedtuple with a method."""

    left: list[int]
    right: int = 0

    def size(self) -> int:
        """A method."""
        return len(self.left)


@pytest.mark.parametrize("make", [lambda a, b: (a, b), Pair, Typed])
def test_tuples(make: Callable[[Any, Any], Any]) -> None:
    """L5: a tuple is one of the same type; what it holds is guarded and part of the process."""
    world = World(t=make([1], 5))
    kind = type(world.domain.t)

    def body(ctx: Any) -> Any:
        t = ctx.domain.t
        t[0].append(2)
        first, second = t
        return type(t) is kind, first == [1, 2], second, len(t), t.index(5), hash(()) == hash(())

    world.fails_without_a_trace(body)
    assert world.run(body) == (True, True, 5, 2, 1, True)
    assert make([1, 2], 5) == world.domain.t
    with pytest.raises(FrozenInputError):
        world.run(lambda ctx: ctx.domain.t[0].append(3), inputs=["domain"], outputs=[])


def test_a_typed_namedtuple_keeps_its_methods() -> None:
    """Fields and methods of a namedtuple work inside a process."""
    world = World(t=Typed([1, 2]))
    assert world.run(lambda ctx: (ctx.domain.t.size(), ctx.domain.t.left)) == (2, [1, 2])


# ---- boundaries ----------------------------------------------------------------------------------


def test_what_is_returned_is_plain() -> None:
    """M3: views in a return value become independent plain values, however deep."""
    world = World(items=[[1]], obj=Plain(a=[1]))

    def body(ctx: Any) -> Any:
        d = ctx.domain
        return d.items, (d.obj, {"k": [d.items[0]]}), list(d.items), d.obj.a

    result = world.run(body)
    assert result[0] == [[1]]
    assert type(result[0]) is list
    assert type(result[1][0]) is Plain
    assert type(result[1][1]["k"][0]) is list
    for changed in result[0], result[1][1]["k"][0], result[2][0], result[3], result[1][0].a:
        changed.append("mine")
    assert (world.domain.items, world.domain.obj.a) == ([[1]], [1])


def test_aliases_in_what_is_returned() -> None:
    """One object returned twice is one copy, and a cycle is a cycle."""
    world = World(items=[1])

    def body(ctx: Any) -> Any:
        cycle: list[Any] = [ctx.domain.items, ctx.domain.items]
        cycle.append(cycle)
        return cycle

    result = world.run(body)
    assert result[0] == [1]
    assert result[0] is result[1]
    assert result[2] is result


def test_views_in_what_is_stored() -> None:
    """M3: views nested in a stored value become what they stand for, at any depth."""
    world = World(items=[1], obj=Plain(), d={}, sink=[])
    items = world.domain.items

    def body(ctx: Any) -> None:
        d = ctx.domain
        d.d["k"] = {"deep": [(d.items, {"x": d.items})]}
        d.sink.append([d.items])
        d.obj.a = (d.items,)
        d.made = Plain(a=d.items, b=[d.items])

    world.run(body)
    d = world.domain
    found = [d.d["k"]["deep"][0][0], d.d["k"]["deep"][0][1]["x"], d.sink[0][0], d.obj.a[0],
             d.made.a, d.made.b[0]]  # fmt: skip
    assert all(each is items for each in found)


def test_a_stored_input_is_a_copy() -> None:
    """L10: storing the view of an input stores a copy, or a right to read would be one to write."""
    world = World(given={"x": [1]}, kept=None, d={})

    def body(ctx: Any) -> None:
        ctx.domain.kept = ctx.global_ctx.given
        ctx.domain.d["k"] = [ctx.global_ctx.given["x"]]
        ctx.domain.kept["x"].append(2)

    world.run(body, inputs=["global"])
    assert world.ctx.global_ctx.given == {"x": [1]}
    assert world.domain.kept == {"x": [1, 2]}
    assert world.domain.d["k"] == [[1]]


def test_a_view_of_one_engine_in_another() -> None:
    """A view handed to another engine's state is stored as a copy."""
    one, two = World(items=[1]), World(x=None)

    def outer(ctx: Any) -> None:
        view = ctx.domain.items
        two.run(lambda other: setattr(other.domain, "x", view))
        view.append(2)

    one.run(outer)
    assert (one.domain.items, two.domain.x) == ([1, 2], [1])


def test_arguments_arrive_as_they_are() -> None:
    """What a caller passes is passed; a view passed to a nested process is a plain copy there."""
    world, mark = World(items=[1]), object()
    assert world.run(lambda ctx, x: x, x=mark) is mark

    def outer(ctx: Any) -> Any:
        def inner(_: Any, x: Any) -> Any:
            x.append(2)
            return type(x), x

        return world.run(inner, x=ctx.domain.items), list(ctx.domain.items)

    assert ((list, [1, 2]), [1]) == world.run(outer)


def test_plain_copies_and_leaves_other_values_alone() -> None:
    """theus.plain gives an independent copy of a view and any other value back."""
    mark = [object()]
    assert plain(mark) is mark
    world = World(items=[[1]])

    def body(ctx: Any) -> None:
        copied = plain(ctx.domain.items)
        copied[0].append(2)
        assert (copied, ctx.domain.items) == ([[1, 2]], [[1]])

    world.run(body)
    assert world.domain.items == [[1]]


def test_copies_of_the_context_are_plain() -> None:
    """M1: deepcopy and pickle of a context, and of every view kind, lead to no kernel object."""
    world = World(items=[1, {"a": (1, [2])}], obj=Data(b=[1]))

    def body(ctx: Any) -> Any:
        d = ctx.domain
        copies = [copy.deepcopy(each) for each in (d.items, d.items[1], d.obj, d.items[1]["a"])]
        return copies + [pickle.loads(pickle.dumps(each)) for each in (d.items, d.obj)]

    found = world.run(body)
    assert [[1, {"a": (1, [2])}], {"a": (1, [2])}, Data(b=[1]), (1, [2])] == found[:4]
    assert [[1, {"a": (1, [2])}], Data(b=[1])] == found[4:]
    copied = copy.deepcopy(world.domain)
    assert {"items", "obj"} == set(vars(copied))
    pickle.loads(pickle.dumps(world.domain))


def test_a_graph_keeps_its_shape() -> None:
    """D22: a cyclic graph of objects keeps identities and references through a commit."""
    first, second = Plain(name="first"), Plain(name="second", items=[])
    first.next, second.next = second, first
    second.items.append(first)
    world = World(first=first)

    def body(ctx: Any) -> bool:
        at = ctx.domain.first
        at.next.next.name = "changed"
        at.next.items.append(at.next)
        return at.next.next.name == at.name

    assert world.run(body)
    assert first.name == "changed"
    assert second.items[0] is first
    assert second.items[1] is second
    assert first.next is second


# ---- refused kinds -------------------------------------------------------------------------------

REFUSED: list[Callable[[], Any]] = [
    lambda: iter([]), lambda: (x for x in ()), io.BytesIO, lambda: [].append,
    lambda: memoryview(b"x"), {}.keys,
]  # fmt: skip
LATER: list[Callable[[], Any]] = [
    set, deque, bytearray, OrderedDict, lambda: defaultdict(list),
    type("List", (list,), {}), type("dict", (dict,), {}),
]  # fmt: skip


@pytest.mark.parametrize("make", REFUSED)
def test_refused_kinds(make: Callable[[], Any]) -> None:
    """D12, L16, L20: a kind that is in no list is refused where it is met, never handed out."""
    value = make()
    world = World(x=value, items=[])
    for body in (
        lambda ctx: ctx.domain.x,
        lambda ctx: setattr(ctx.domain, "y", value),
        lambda ctx: ctx.domain.items.append(value),
    ):
        with pytest.raises(UnsupportedValueError) as caught:
            world.run(body)
        assert type(value).__name__ in str(caught.value)
    assert (world.domain.items, hasattr(world.domain, "y")) == ([], False)


@pytest.mark.parametrize("make", LATER)
def test_a_mutable_kind_is_supported_or_refused(make: Callable[[], Any]) -> None:
    """D12: a container of another type is a full part of the process, or refused; never raw."""
    value = make()
    world = World(x=value)
    add = next(name for name in ("add", "append", "__setitem__") if hasattr(value, name))
    arguments = ("k", 1) if add == "__setitem__" else (1,)
    before = copy.deepcopy(value)

    def body(ctx: Any) -> None:
        getattr(ctx.domain.x, add)(*arguments)
        assert before == value
        raise Declared

    with pytest.raises((Declared, UnsupportedValueError)):
        world.run(body)
    assert before == value


def test_arrays_are_recorded_and_never_compared() -> None:
    """P1: a numpy array under a heavy name is the object itself for who may write it."""
    world = World(heavy_a=np.zeros(4), n=0)
    array = world.domain.heavy_a

    def body(ctx: Any) -> Any:
        ctx.domain.heavy_a[1] = 5
        ctx.domain.heavy_a += 1
        ctx.domain.n = 1
        return ctx.domain.heavy_a is array

    assert world.run(body)
    assert array.tolist() == [1, 6, 1, 1]
    assert world.domain.heavy_a is array

    def reading(ctx: Any) -> float:
        with pytest.raises(ValueError, match="read-only"):
            ctx.domain.heavy_a[0] = 9
        assert np.shares_memory(ctx.domain.heavy_a, array)
        return float(ctx.domain.heavy_a.sum())

    assert world.run(reading, inputs=["domain.heavy_a"], outputs=[]) == 9.0


def test_heavy_writes_stay_after_a_failure() -> None:
    """M11: assigning a heavy field and writing in place go through at once and stay."""
    world = World(heavy_a=np.zeros(2), n=0)

    def body(ctx: Any) -> None:
        ctx.domain.heavy_a[0] = 1
        ctx.domain.heavy_b = np.ones(1)
        ctx.domain.n = 5
        raise Declared

    with pytest.raises(Declared):
        world.run(body)
    assert (
        world.domain.heavy_a.tolist(), world.domain.heavy_b.tolist(), world.domain.n,
    ) == ([1, 0], [1], 0)  # fmt: skip
