"""Attempts to reach, change or keep what a contract does not give. None succeeds.

Each attempt gets ``ctx`` of a process that may read ``domain.input`` and write ``domain.output``
and nothing else. It passes if everything it tried was refused; it may also end well, if that gave
it nothing. After it, as after its failure, the state is what it was.
"""

# ruff: noqa: C416, C417, E501, FURB192, PLC3002, PLW0108, PYI034, RUF005, RUF015
# ruff: noqa: SIM905, UP030, UP031, UP032
# An attempt is one line, written the way somebody would try it.

import bisect
import collections
import contextlib
import copy
import copyreg
import ctypes
import dataclasses
import functools
import gc
import heapq
import inspect
import io
import itertools
import operator
import pickle
import random
import string
import struct
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from harness import Declared, World
from model import Plain

import theus
from theus import (
    BaseDomainContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    _kernel,
    plain,
    process,
)

SECRET = "the secret of this test"
REFUSALS = (
    ContractViolationError, TypeError, AttributeError, LookupError, ValueError, RuntimeError,
    ImportError, pickle.PicklingError,
)  # fmt: skip


@dataclass
class Account:
    """An object whose methods write."""

    balance: int = 100
    items: list[Any] = field(default_factory=lambda: [1, [2]])
    _pin: str = "a secret that its own methods may tell"

    def spend(self, amount: int) -> int:
        """Write a field."""
        self.balance -= amount
        return self.balance

    def add(self, item: Any) -> None:
        """Change what a field holds."""
        self.items.append(item)

    def replace(self) -> None:
        """Replace a field by way of vars()."""
        vars(self)["balance"] = 0

    def by_object(self) -> None:
        """Write past every guard that Python has."""
        object.__setattr__(self, "balance", 0)

    def myself(self) -> "Account":
        """Hand out self."""
        return self

    def with_pin(self, use: Callable[[str], Any]) -> Any:
        """Hand a private value to someone: the class decides that, as in Python."""
        return use(str(len(self._pin)))

    @property
    def pin(self) -> int:
        """A property whose setter writes another field as well."""
        return len(self._pin)

    @pin.setter
    def pin(self, value: int) -> None:
        self.balance = value
        self.items = []

    @property
    def spending(self) -> int:
        """A property that writes."""
        self.balance -= 1
        return self.balance

    def __len__(self) -> int:
        self.balance -= 1
        return 1

    def __call__(self) -> None:
        self.balance = 0

    def __iter__(self) -> Any:
        self.balance = 0
        yield 1

    def __enter__(self) -> "Account":
        self.balance = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.balance = 0

    def __iadd__(self, amount: int) -> "Account":
        self.balance += amount
        return self


SEEN: list[Any] = []


class Nosy:
    """An object each of whose methods remembers the self it got."""

    @property
    def prop(self) -> Any:
        """A property."""
        return SEEN.append(self)

    @functools.cached_property
    def asked(self) -> Any:
        """A property that wants to keep its answer."""
        return SEEN.append(self)


def _notice(answer: Any) -> Any:
    def method(self: Any, *_: Any) -> Any:
        SEEN.append(self)
        return answer

    return method


for _name, _answer in {
    "repr": "nosy", "str": "nosy", "format": "nosy", "len": 1, "bool": True, "contains": True,
    "getitem": 1, "call": 1, "eq": True, "lt": True, "hash": 1, "add": 1, "radd": 1, "dir": [],
    "index": 1, "int": 1, "abs": 1, "neg": 1, "copy": 1, "deepcopy": 1, "sizeof": 1, "getstate": {},
    "instancecheck": True, "round": 1, "divmod": (0, 0), "enter": 1, "reversed": (), "next": 1,
    "bytes": b"", "reduce": (int, ()),
}.items():  # fmt: skip
    setattr(Nosy, f"__{_name}__", _notice(_answer))
Nosy.__iter__ = lambda self: iter([SEEN.append(self)])  # type: ignore[attr-defined]


class Slotted:
    """An object with slots, one of them private."""

    __slots__ = ("_b", "a")

    def __init__(self) -> None:
        self.a = [1]
        self._b = SECRET

    def __repr__(self) -> str:
        return f"Slotted({self.a})"


class Point(typing.NamedTuple):
    """A tuple with names and a list in it."""

    x: int
    y: list[int]


@pytest.fixture
def world() -> World:
    """An input, an output, and what is neither."""
    return World(
        given={"token": SECRET},
        input=Plain(
            items=[[1], {"k": [2]}, (3, [4])],
            d={"a": {"b": [1]}, "k": 1},
            account=Account(),
            n=1,
            tags={"tag", Plain(n=1), Nosy()},
            heavy_list=[[1]],
            pair=((1, [2]), (Plain(n=1),)),
            point=Point(1, [2]),
            slots=Slotted(),
            nosy=Nosy(),
            heavy_bytes=bytearray(8),
            heavy_array=np.zeros(8),
        ),
        output=Plain(items=[], d={}, account=None),
        hidden={"token": [SECRET]},
        account=Account(),
        _private=[SECRET],
    )


Attempt = Callable[[Any], Any]
ATTEMPTS: dict[str, Attempt] = {}


def attempt(function: Attempt) -> Attempt:
    """Put a function on the list."""
    assert function.__name__ not in ATTEMPTS
    ATTEMPTS[function.__name__] = function
    return function


def try_each(*calls: Callable[[], Any]) -> list[Any]:
    """Make each call and collect what was not refused."""
    got = []
    for call in calls:
        try:
            got.append(call())
        except REFUSALS:
            continue
    return got


def add(name: str, *calls: Callable[[Any], Any]) -> None:
    """Put an attempt on the list that makes these calls on ctx.domain."""
    assert name not in ATTEMPTS
    ATTEMPTS[name] = lambda ctx: try_each(*(functools.partial(call, ctx.domain) for call in calls))


# ---- reading what was not declared ---------------------------------------------------------------

add("read_an_undeclared_field", lambda d: d.hidden, lambda d: d.account)
add(
    "read_it_with_a_default",
    lambda d: getattr(d, "hidden", None),
    lambda d: getattr(d, "account", 0),
)
add("read_a_private_name", lambda d: d._private, lambda d: d.input.account._pin)
add("read_by_operator", lambda d: operator.attrgetter("hidden")(d))
add("read_vars_of_a_layer", lambda d: vars(d)["hidden"], lambda d: d.__dict__["hidden"])
add("read_vars_of_an_object", lambda d: vars(d.input.account)["_pin"])
add("read_past_the_view", lambda d: object.__getattribute__(d, "hidden"))
add("read_by_the_class", lambda d: Plain.__getattribute__(d, "hidden"),
    lambda d: type(d).__getattribute__(d, "hidden"))  # fmt: skip
add("read_by_dir", lambda d: [getattr(d, name) for name in dir(d) if name == "hidden"])
add("read_by_repr", lambda d: [text for text in (repr(d), str(d), f"{d}") if SECRET in text])
add("read_by_format", lambda d: f"{d.hidden}")
add(
    "read_by_copy",
    lambda d: vars(copy.copy(d))["hidden"],
    lambda d: vars(copy.deepcopy(d))["hidden"],
)
add("read_by_pickle", lambda d: vars(pickle.loads(pickle.dumps(d)))["hidden"])
add(
    "read_by_reduce",
    lambda d: SECRET in repr(d.__reduce_ex__(2)),
    lambda d: SECRET in repr(d.__reduce__()),
)
add("read_by_plain", lambda d: vars(plain(d))["hidden"])
add(
    "read_by_getstate",
    lambda d: d.__getstate__()["hidden"],
    lambda d: object.__getstate__(d)["hidden"],
)
add("read_by_equality", lambda d: d == Plain() or d.hidden)
add("read_by_match", lambda d: _matched(d))
add("read_the_object_behind", *(
    functools.partial(lambda name, d: [getattr(view, name) for view in (d, d.input, d.input.d)], name)
    for name in ("_target", "target", "_obj", "obj", "__wrapped__", "__self__", "__func__", "_wrapped",
                 "__objclass__", "scope", "node", "parent", "_engine", "is_admin", "_transaction")
))  # fmt: skip


def _matched(value: Any) -> Any:
    match value:
        case Plain(hidden=found):
            return found
    raise TypeError


@attempt
def read_another_layer(ctx: Any) -> list[Any]:
    """Only what is declared of the root exists."""
    assert list(vars(ctx)) == ["domain_ctx"]
    return try_each(
        lambda: ctx.global_ctx, lambda: ctx.global_ctx.given, lambda: vars(ctx)["global_ctx"]
    )


@attempt
def read_by_a_method_that_takes_another(ctx: Any) -> list[Any]:
    """A method runs with its own object's private names, not with another's."""

    class Nosy:
        def look(self, other: Any) -> Any:
            return other._pin

    ctx.domain.output.account = Nosy()
    return try_each(lambda: ctx.domain.output.account.look(ctx.domain.input.account))


@attempt
def read_by_a_returned_self(ctx: Any) -> list[Any]:
    """What a method hands out of itself has no private right."""
    return try_each(lambda: ctx.domain.input.account.myself()._pin)


@attempt
def read_by_a_function_of_the_class(ctx: Any) -> list[Any]:
    """Process code that calls Class.method(view) is no method of the object."""
    return try_each(lambda: Account.with_pin(ctx.domain.input.account, str))


@attempt
def read_what_the_collector_knows_of_a_view(ctx: Any) -> list[Any]:
    """L6: the views of a frame lead, by the collector, to no object of the state."""
    views = [ctx, ctx.domain, ctx.domain.input, ctx.domain.input.d, ctx.domain.input.items]
    return [
        each
        for view in views
        for each in gc.get_referents(view)
        if each is SECRET or type(each) in (Plain, Account)
    ]


@attempt
def make_a_view(ctx: Any) -> list[Any]:
    """No type of the kernel can be called, subclassed or made from another."""
    kinds = [type(each) for each in (ctx, ctx.domain, ctx.domain.input.items, ctx.domain.input.d)]
    made = []
    for kind in kinds:
        made += try_each(
            kind, lambda kind=kind: kind.__new__(kind), lambda kind=kind: object.__new__(kind),
            lambda kind=kind: type("Sub", (kind,), {}), lambda kind=kind: kind(ctx.domain),
        )  # fmt: skip
    return made


@attempt
def change_the_class_of_a_view(ctx: Any) -> list[Any]:
    """__class__ cannot be assigned."""

    def assign(view: Any, kind: type) -> type:
        view.__class__ = kind
        return kind

    views = [ctx, ctx.domain.input, ctx.domain.input.items, ctx.domain.output]
    return try_each(*(lambda view=view: assign(view, Plain) for view in views))


@attempt
def change_the_types_of_the_kernel(ctx: Any) -> list[Any]:
    """The types of the views are immutable, for everybody."""

    def replace(kind: type) -> Any:
        kind.append = lambda *_: None  # type: ignore[attr-defined]
        return kind

    return try_each(*(
        lambda view=view: replace(type(view))
        for view in (ctx, ctx.domain, ctx.domain.input.items, ctx.domain.input.d)
    ))  # fmt: skip


# ---- changing an input ---------------------------------------------------------------------------

add("write_an_input_field", lambda d: setattr(d.input, "n", 2), lambda d: delattr(d.input, "n"))
add("write_a_new_field_of_an_input", lambda d: setattr(d.input, "fresh", 2))
add(
    "write_an_undeclared_field",
    lambda d: setattr(d, "hidden", {}),
    lambda d: setattr(d, "fresh", 1),
)
add(
    "write_a_private_field",
    lambda d: setattr(d, "_private", []),
    lambda d: setattr(d.output, "_x", 1),
)
add("replace_the_output's_parent", lambda d: setattr(d, "input", d.output))
add("write_past_the_view", lambda d: object.__setattr__(d.input, "n", 2),
    lambda d: object.__delattr__(d.input, "n"), lambda d: Plain.__setattr__(d.input, "n", 2))  # fmt: skip
add("write_by_vars", lambda d: vars(d.input).update(n=2), lambda d: vars(d.input).__setitem__("n", 2),
    lambda d: d.input.__dict__.clear())  # fmt: skip
add(
    "write_a_slot_descriptor", lambda d: type(d.input).__dict__["__dict__"].__get__(d.input).clear()
)
add("append_to_an_input", lambda d: d.input.items.append(1), lambda d: d.input.items[0].append(1))
add("every_list_mutator", *(
    functools.partial(lambda name, args, d: getattr(d.input.items, name)(*args), name, args)
    for name, args in [
        ("append", (1,)), ("extend", ([1],)), ("insert", (0, 1)), ("pop", ()), ("pop", (0,)),
        ("remove", ([1],)), ("clear", ()), ("sort", ()), ("reverse", ()), ("__setitem__", (0, 1)),
        ("__delitem__", (0,)), ("__iadd__", ([1],)), ("__imul__", (2,)),
        ("__setitem__", (slice(None), [])), ("__delitem__", (slice(None),)), ("__init__", ([],)),
    ]
))  # fmt: skip
add("every_dict_mutator", *(
    functools.partial(lambda name, args, d: getattr(d.input.d, name)(*args), name, args)
    for name, args in [
        ("__setitem__", ("k", 2)), ("__delitem__", ("k",)), ("pop", ("k",)), ("popitem", ()),
        ("clear", ()), ("update", ({"z": 1},)), ("setdefault", ("z", 1)), ("__ior__", ({"z": 1},)),
        ("__init__", ({},)),
    ]
))  # fmt: skip
add("list_append_on_a_view", lambda d: list.append(d.input.items, 1), lambda d: list.clear(d.input.items),
    lambda d: list.sort(d.output.items), lambda d: list.__setitem__(d.input.items, 0, 1))  # fmt: skip
add("dict_methods_on_a_view", lambda d: dict.update(d.input.d, z=1), lambda d: dict.clear(d.input.d),
    lambda d: dict.__setitem__(d.input.d, "z", 1), lambda d: dict.pop(d.output.d, "k"))  # fmt: skip
add("methods_of_the_other_view", lambda d: type(d.output.items).append(d.input.items, 1),
    lambda d: type(d.output.d).update(d.input.d, z=1), lambda d: type(d.output.d).clear(d.input.items))  # fmt: skip
add(
    "write_by_iteration",
    lambda d: [row.append(1) for row in d.input.items if isinstance(row, list)][0],
)
add(
    "write_by_slice",
    lambda d: d.input.items[:1][0].append(1),
    lambda d: d.input.items[::-1][-1].append(1),
)
add("write_by_negative_index", lambda d: d.input.items[-3].append(1))
add("write_by_reversed", lambda d: list(reversed(d.input.items))[-1].append(1))
add("write_by_sorted", lambda d: sorted(d.input.items, key=str)[0].__setitem__(0, 9),
    lambda d: min(d.input.items, key=str)[1].append(1))  # fmt: skip
add("write_by_values", lambda d: next(iter(d.input.d.values())).update(z=1))
add("write_by_items", lambda d: dict(d.input.d.items())["a"].update(z=1))
add(
    "write_by_get",
    lambda d: d.input.d.get("a").update(z=1),
    lambda d: d.input.d.get("a")["b"].append(2),
)
add("write_by_unpacking", lambda d: _last(*d.input.items[:1]).append(1))
add(
    "write_by_concatenation",
    lambda d: (d.input.items + [])[0].append(1),
    lambda d: ([] + d.input.items)[0].append(1),
)
add("write_by_repetition", lambda d: (d.input.items * 2)[0].append(1))
add(
    "write_by_a_merged_dict",
    lambda d: (d.input.d | {})["a"].update(z=1),
    lambda d: {**d.input.d}["a"].update(z=1),
)
add("write_by_a_copied_container", lambda d: d.input.items.copy()[0].append(1), lambda d: list(d.input.items)[0].append(1),
    lambda d: dict(d.input.d)["a"].update(z=1), lambda d: copy.copy(d.input.d)["a"].update(z=1))  # fmt: skip
add(
    "write_in_a_tuple",
    lambda d: d.input.items[2][1].append(1),
    lambda d: _last(*d.input.items[2]).append(1),
)
add("write_by_zip_and_enumerate", lambda d: next(zip(d.input.items, strict=True))[0].append(1),
    lambda d: next(enumerate(d.input.items))[1].append(1))  # fmt: skip
add("write_by_map_and_filter", lambda d: next(map(lambda r: r.append(1), d.input.items)),
    lambda d: next(filter(None, d.input.items)).append(1))  # fmt: skip
add("write_by_a_method", lambda d: d.input.account.spend(1), lambda d: d.input.account.add(1))
add("write_by_a_method_bound_earlier", lambda d: [spend(1) for spend in [d.input.account.spend]])
add("write_by_a_function_of_the_class", lambda d: Account.spend(d.input.account, 1))
add("write_by_a_partial", lambda d: functools.partial(Account.add, d.input.account)(1))
add("write_by_a_method_type", lambda d: types.MethodType(Account.spend, d.input.account)(1))
add("write_by_a_property", lambda d: d.input.account.spending)
add("write_by_len", lambda d: len(d.input.account), lambda d: bool(d.input.account))
add("write_by_a_call", lambda d: d.input.account())
add("write_by_iter_of_an_object", lambda d: list(d.input.account))
add("write_by_a_with_statement", lambda d: d.input.account.__enter__())
add("write_by_an_operator", lambda d: operator.iadd(d.input.account, 1))
add("write_by_vars_in_a_method", lambda d: d.input.account.replace())
add("write_by_object_setattr_in_a_method", lambda d: d.input.account.by_object())
add(
    "write_by_init",
    lambda d: d.input.account.__init__(5),
    lambda d: Account.__init__(d.input.account, 5),
)
add("write_by_setstate", lambda d: d.input.account.__setstate__({"balance": 0}))
add("write_by_default_of_setattr", lambda d: d.input.account.__setattr__("balance", 0),
    lambda d: d.input.account.__delattr__("balance"))  # fmt: skip


def _last(*items: Any) -> Any:
    return items[-1]


# ---- widening a right ----------------------------------------------------------------------------


@attempt
def store_an_input_and_write_it_there(ctx: Any) -> None:
    """An input stored below an output is a copy; the copy is writable, the input is not changed."""
    out, given = ctx.domain.output, ctx.domain.input
    out.account = given.account
    out.account.spend(50)
    out.items.append(given.items)
    out.items[0][0].append("written")
    out.d["k"] = [given.d]
    out.d["k"][0]["a"]["b"].clear()
    out.items.extend(given.items)
    out.items[-1][1].append("in a tuple")


@attempt
def store_it_in_something_fresh(ctx: Any) -> None:
    """The same, hidden in containers and objects of the process' own."""
    out, given = ctx.domain.output, ctx.domain.input
    holder = Plain(view=given.items, deep=[(given.d,)])
    out.account = holder
    for write in (lambda: holder.view.append(1), lambda: out.account.view.append(1),
                  lambda: out.account.deep[0][0].update(z=1)):  # fmt: skip
        try_each(write)


@attempt
def store_it_by_a_slice(ctx: Any) -> None:
    """Slice assignment, +=, update, setdefault and |= unwrap like everything that stores."""
    out, given = ctx.domain.output, ctx.domain.input
    out.items[:] = given.items
    out.items += given.items
    out.items *= 1
    out.items.insert(0, given.items[0])
    out.d.update(given.d)
    out.d |= given.d
    out.d.setdefault("x", given.d)
    for row in (*out.items, out.d["a"], out.d["x"]["a"]):
        try_each(lambda row=row: row.append(1), lambda row=row: row.update(z=1))


@attempt
def run_a_process_with_more_rights(ctx: Any) -> list[Any]:
    """A process inside this one has what both may do."""
    _ = ctx
    return try_each(
        lambda: WORLD[0].run(lambda inner: inner.domain.hidden["token"]),
        lambda: WORLD[0].run(lambda inner: setattr(inner.domain, "hidden", 1)),
        lambda: WORLD[0].run(lambda inner: inner.domain.input.items.append(1)),
    )


@attempt
def edit_inside_a_process(ctx: Any) -> list[Any]:
    """edit() in a process has that process' rights."""
    _ = ctx

    def edit() -> None:
        with WORLD[0].engine.edit() as inner:
            inner.domain.hidden = 1

    return try_each(edit)


@attempt
def swallow_a_denial_and_go_on(ctx: Any) -> None:
    """A denial that is caught changed nothing, and the process' own writes are all that is left."""
    try_each(lambda: setattr(ctx.domain.input, "n", 2), lambda: ctx.domain.input.items.clear())


@attempt
def raise_a_denial_of_its_own(ctx: Any) -> None:
    """An exception that a process makes itself is an exception, not a way to keep writes."""
    ctx.domain.output.items.append(1)
    raise theus.AccessDeniedError("made up")


@attempt
def write_in_another_thread(ctx: Any) -> list[Any]:
    """Another thread has no more rights over a view than the one of the process."""
    got: list[Any] = []

    def body() -> None:
        got.extend(try_each(lambda: ctx.domain.input.items.append(1), lambda: ctx.domain.hidden))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return got


@attempt
def keep_a_view_for_later(ctx: Any) -> None:
    """What is kept is stale afterwards; the test below uses it."""
    KEPT[:] = [ctx, ctx.domain, ctx.domain.output, ctx.domain.output.items,
               ctx.domain.output.items.append, iter(ctx.domain.output.items),
               lambda: ctx.domain.output.d.update(z=1)]  # fmt: skip


@attempt
def a_generator_that_goes_on_later(ctx: Any) -> Any:
    """A generator returned from a process cannot go on in it."""

    def late() -> Any:
        yield 1
        ctx.domain.output.items.append(1)

    KEPT[:] = [late()]
    next(KEPT[0])


@attempt
def a_finalizer_that_writes(ctx: Any) -> None:
    """A __del__ that runs at the end of the run or after it writes nowhere."""

    class Late:
        def __del__(self) -> None:
            try_each(lambda: items.append("late"))

    items = ctx.domain.output.items
    ctx.local.late = Late()


@attempt
def a_key_that_acts(ctx: Any) -> list[Any]:
    """User code in __hash__ and __eq__ of a key has the process' rights and no more."""

    class Key:
        def __hash__(self) -> int:
            try_each(lambda: ctx.domain.input.d.clear(), lambda: ctx.domain.hidden)
            return hash("k")

        def __eq__(self, other: object) -> bool:
            try_each(lambda: ctx.domain.input.d.clear())
            return other == "k"

    return [found for found in try_each(lambda: ctx.domain.input.d[Key()]) if found != 1]


@attempt
def reenter_while_a_list_is_read(ctx: Any) -> None:
    """C14: code that runs inside an operation finds whole structures, also if it changes them."""
    out = ctx.domain.output
    out.items.extend([3, 1, 2])

    class Evil:
        def __eq__(self, other: object) -> bool:
            out.items.clear()
            return False

        def __lt__(self, other: object) -> bool:
            out.items.clear()
            return True

        __hash__ = object.__hash__

    for use in (lambda: out.items.index(Evil()), lambda: out.items.count(Evil()),
                lambda: Evil() in out.items, lambda: out.items.remove(Evil()),
                lambda: out.items == [Evil()] * 3, lambda: out.items < [Evil()] * 3,
                lambda: out.items.sort(key=lambda _: Evil()),
                lambda: out.items.extend(iter(lambda: out.items.clear() or 1, 1))):  # fmt: skip
        out.items[:] = [3, 1, 2]
        try_each(use)
    del out.items[:]


@attempt
def reenter_while_a_dict_is_read(ctx: Any) -> None:
    """C14: the same for the keys of a dict."""
    out = ctx.domain.output

    class Key:
        def __hash__(self) -> int:
            return hash("k")

        def __eq__(self, other: object) -> bool:
            out.d.clear()
            return False

    for use in (lambda: out.d[Key()], lambda: out.d.get(Key()), lambda: Key() in out.d,
                lambda: out.d.pop(Key(), None), lambda: out.d.setdefault(Key(), 1),
                lambda: out.d.__setitem__(Key(), 1), lambda: out.d.update({Key(): 1}),
                lambda: out.d == {Key(): 1}, lambda: out.d | {Key(): 1}):  # fmt: skip
        out.d.clear()
        out.d["k"] = 1
        try_each(use)
    out.d.clear()


@attempt
def end_the_run_from_inside(ctx: Any) -> list[Any]:
    """The transaction and the views offer no way to end, commit or detach them."""
    words = ("commit", "rollback", "close", "detach", "finish", "abandon", "unlock", "__del__")
    views = [ctx, ctx.domain, ctx.domain.output, ctx.domain.output.items, ctx.domain.output.d]
    return try_each(*(lambda v=view, w=word: getattr(v, w)() for view in views for word in words))


# ---- what is behind a view -----------------------------------------------------------------------


def raw_objects() -> dict[int, Any]:
    """Every mutable object of the state, by identity: none of them may be met in a process."""
    world = WORLD[0]
    rest: list[Any] = [world.domain, world.ctx.global_ctx]
    found: dict[int, Any] = {}
    while rest:
        each = rest.pop()
        if id(each) in found or isinstance(each, str | int | type | types.FunctionType | None):
            continue
        if not isinstance(each, tuple):
            found[id(each)] = each
        if isinstance(each, dict):
            rest.extend(each.values())
        elif isinstance(each, list | set | tuple):
            rest.extend(each)
        rest.extend(getattr(each, "__dict__", {}).values())
        if isinstance(each, Slotted):
            rest.append(each.a)
    return found


def raw_among(*values: Any, depth: int = 4) -> list[Any]:
    """The objects of the state that can be reached from these through containers and tuples."""
    raw = raw_objects()
    found = []
    rest = [(value, depth) for value in values]
    while rest:
        value, left = rest.pop()
        if id(value) in raw:
            found.append(f"raw {type(value).__name__}")
        elif left and type(value) in (list, tuple, set, frozenset, dict):
            each = [*value, *value.values()] if type(value) is dict else value
            rest.extend((item, left - 1) for item in each)
        elif left and isinstance(value, BaseException):
            rest.extend((item, left - 1) for item in (*value.args, *vars(value).values()))
    return found


def views_of(ctx: Any) -> list[Any]:
    """One view of each kind, and what views make: iterators, views of keys, bound methods."""
    given, out = ctx.domain.input, ctx.domain.output
    return [
        ctx, ctx.domain, given, given.items, given.d, given.account, given.tags, given.pair,
        given.point, given.slots, given.nosy, out, out.items, out.d, iter(given.items),
        reversed(given.items), iter(given.d), reversed(given.d), iter(given.tags),
        *(each for each in given.tags if each != "tag"),
        given.d.keys(), given.d.values(), given.d.items(), iter(given.d.items()),
        iter(given.d.values()), given.items.append, given.d.get, given.account.add, given.tags.copy,
        ctx.local, ctx.log,
    ]  # fmt: skip


@attempt
def ask_the_collector_about_every_kind(ctx: Any) -> list[Any]:
    """L6: no view, iterator, dict view or bound method leads to an original by the collector."""
    return raw_among(*(gc.get_referents(view) for view in views_of(ctx)))


@attempt
def look_at_every_attribute(ctx: Any) -> list[Any]:
    """L1: nothing that dir() of a view names is an original."""
    got = []
    for view in views_of(ctx):
        for name in dir(view):
            got += try_each(lambda view=view, name=name: getattr(view, name))
    return raw_among(got)


@attempt
def ask_every_method_of_every_view(ctx: Any) -> list[Any]:
    """L4: no method of a frozen view, whatever its arguments, gives an original."""
    given = ctx.domain.input
    got = []
    for view in (given.items, given.d, given.tags, given.point, given.slots, given.account):
        for name in dir(view):
            for arguments in ((), (0,), ("a",), (0, 1), ({},), ([],), (2,)):
                got += try_each(lambda v=view, n=name, a=arguments: getattr(v, n)(*a))
    return raw_among(got)


@attempt
def ask_every_descriptor_of_every_type(ctx: Any) -> list[Any]:
    """The descriptors of the types of the views know no more than the views."""
    got = []
    for view in views_of(ctx):
        for kind in type(view).__mro__:
            for slot in vars(kind).values():
                got += try_each(
                    lambda slot=slot, view=view: slot.__get__(view),
                    lambda slot=slot, view=view: slot.__get__(view)(),
                )
    return raw_among(got)


@attempt
def read_by_every_protocol_of_pickle(ctx: Any) -> list[Any]:
    """__reduce_ex__ of each protocol, copyreg and the reduction of iterators give copies."""
    got = []
    for view in views_of(ctx):
        got += try_each(
            *(lambda view=view, n=n: view.__reduce_ex__(n) for n in range(6)),
            lambda view=view: object.__reduce_ex__(view, 2),
            lambda view=view: copyreg.__reduce_ex__(view, 1),
            lambda view=view: view.__reduce__(),
        )
    return raw_among(got)


@attempt
def make_a_view_by_copyreg(ctx: Any) -> list[Any]:
    """What pickle uses to make objects makes no view."""
    kinds = {type(each) for each in views_of(ctx)[:14] if type(each) is not tuple}
    kinds = {kind for kind in kinds if kind.__module__.startswith("theus")}
    assert kinds
    return try_each(*(
        lambda make=make, kind=kind: make(kind)
        for kind in kinds
        for make in (copyreg.__newobj__, lambda k: copyreg.__newobj_ex__(k, (), {}),
                     lambda k: copyreg._reconstructor(k, object, None), type.__call__)
    ))  # fmt: skip


@attempt
def write_heavy_memory_of_a_copy(ctx: Any) -> list[Any]:
    """A plain copy of an input holds its HEAVY memory as read-only as the input does."""
    given, out = ctx.domain.input, ctx.domain.output

    def store() -> Any:
        out.account = given
        return out.account

    def inner() -> Any:
        return WORLD[0].run(lambda each: each.domain.input, inputs=["domain.input"])

    for make in (
        lambda: plain(given),
        lambda: copy.copy(given),
        lambda: copy.deepcopy(given),
        store,
        inner,
    ):
        for made in try_each(make):
            try_each(lambda made=made: operator.setitem(made.heavy_array, 0, 7.0),
                     lambda made=made: operator.setitem(made.heavy_bytes, 0, 7),
                     lambda made=made: made.heavy_list.append(7))  # fmt: skip
    out.account = None


@attempt
def a_denial_that_prints_an_element(ctx: Any) -> list[Any]:
    """The path in a denial runs no __repr__ of an original: neither of an element nor of a key."""
    del SEEN[:]
    for each in ctx.domain.input.tags:
        try_each(lambda each=each: setattr(each, "n", 2), lambda each=each: each._x)
    return raw_among(SEEN)


@attempt
def watch_a_pickler_at_work(ctx: Any) -> list[Any]:
    """A pickler that looks at everything it writes sees no original under DATA."""
    seen: list[Any] = []

    class Watching(pickle.Pickler):
        def persistent_id(self, each: Any) -> None:
            seen.append(each)

        def reducer_override(self, each: Any) -> Any:
            seen.append(each)
            return NotImplemented

    for view in views_of(ctx):
        try_each(lambda view=view: Watching(io.BytesIO()).dump(view))
    assert seen
    return raw_among(seen)


@attempt
def watch_deepcopy_by_its_memo(ctx: Any) -> list[Any]:
    """The memo of deepcopy, also one that listens, is told of views and copies only."""
    seen: list[Any] = []

    class Memo(dict):  # type: ignore[type-arg]
        def get(self, key: Any, *default: Any) -> Any:
            seen.append(key)
            return super().get(key, *default)

        def __setitem__(self, key: Any, value: Any) -> None:
            seen.extend((key, value))
            super().__setitem__(key, value)

    for view in views_of(ctx):
        memo, plain_memo = Memo(), {}
        try_each(lambda view=view, memo=memo: copy.deepcopy(view, memo),
                 lambda view=view, memo=plain_memo: copy.deepcopy(view, memo),
                 lambda view=view, memo=memo: view.__deepcopy__(memo))  # fmt: skip
        seen += [*memo.values(), *plain_memo.values()]
    known = raw_objects()
    return raw_among(seen) + [key for key in seen if type(key) is int and key in known]


@attempt
def copy_with_a_memo_that_lies(ctx: Any) -> list[Any]:
    """A memo that names another object for a view makes a copy, not a way in."""
    given = ctx.domain.input
    memo = {id(given.items): given.d, id(given.items[0]): given.items}
    got = try_each(lambda: copy.deepcopy(given.items, memo))
    try_each(lambda: got[0].update(z=1), lambda: got[0][0].append(1))
    return raw_among(got)


@attempt
def unpickle_in_another_process(ctx: Any) -> list[Any]:
    """A pickle carries values and no rights: what another process loads is a copy of its own."""
    data = pickle.dumps(ctx.domain.input.items)

    def load(inner: Any) -> Any:
        loaded = pickle.loads(data)
        loaded[0].append(1)
        inner.domain.output.items = loaded
        inner.domain.output.items[0].append(2)
        return raw_among(loaded)

    return try_each(lambda: WORLD[0].run(load))


@attempt
def look_back_from_an_operand(ctx: Any) -> list[Any]:
    """The other side of an operator gets views, never what is behind them."""
    seen: list[Any] = []
    given = ctx.domain.input

    class Operand:
        __hash__ = None  # type: ignore[assignment]

    def look(_: Any, *others: Any) -> Any:
        seen.extend(others)
        return NotImplemented

    signs = ("eq ne lt le gt ge radd rsub rmul rand ror rxor rtruediv rfloordiv rmod rmatmul rpow "
             "rlshift rrshift rdivmod")  # fmt: skip
    for sign in signs.split():
        setattr(Operand, f"__{sign}__", look)
    other = Operand()
    apply = [
        getattr(operator, name)
        for name in ("eq ne lt le gt ge add sub mul and_ or_ xor truediv floordiv mod matmul pow "
                     "lshift rshift iadd ior iand isub contains indexOf countOf").split()
    ]  # fmt: skip
    views = [*views_of(ctx), given.tags, vars(given), vars(given.account)]
    for view in views:
        for sign in apply:
            try_each(lambda view=view, sign=sign: sign(view, other))
        for name in ("index", "count", "remove", "__contains__", "union", "update", "get"):
            try_each(lambda view=view, name=name: getattr(view, name)(other))
    assert seen
    return raw_among(seen)


@attempt
def every_special_method_gets_a_view(ctx: Any) -> list[Any]:
    """L10: whatever calls a method of a user's class, its self is the view."""
    nosy, seen = ctx.domain.input.nosy, SEEN
    del seen[:]
    try_each(
        lambda: repr(nosy), lambda: str(nosy), lambda: f"{nosy:x}", lambda: len(nosy),
        lambda: bool(nosy), lambda: list(nosy), lambda: 1 in nosy, lambda: nosy[0], lambda: nosy(),
        lambda: nosy == 1, lambda: nosy < 1, lambda: hash(nosy), lambda: nosy + 1, lambda: 1 + nosy,
        lambda: nosy.missing, lambda: dir(nosy), lambda: nosy.prop, lambda: nosy.asked,
        lambda: operator.index(nosy), lambda: int(nosy), lambda: abs(nosy), lambda: -nosy,
        lambda: copy.copy(nosy), lambda: copy.deepcopy(nosy), lambda: pickle.dumps(nosy),
        lambda: plain(nosy), lambda: nosy.__reduce_ex__(2), lambda: nosy.__sizeof__(),
        lambda: sys.getsizeof(nosy), lambda: isinstance(1, nosy), lambda: nosy.__class__,
        lambda: round(nosy), lambda: divmod(nosy, 1), lambda: nosy.__enter__(),
        lambda: reversed(nosy), lambda: next(nosy), lambda: sorted([nosy, nosy]),
        lambda: {nosy: 1}, lambda: vars(nosy), lambda: bytes(nosy), lambda: format(nosy, ""),
    )  # fmt: skip
    assert seen
    return raw_among(seen)


@attempt
def catch_what_is_raised(ctx: Any) -> list[Any]:
    """The arguments and fields of what a view raises hold no original."""
    caught: list[Any] = []
    given = ctx.domain.input
    for view in views_of(ctx):
        for use in (lambda v: v.hidden, lambda v: v["zz"], lambda v: v[99], lambda v: v.append(v),
                    lambda v: v.index(given.d), lambda v: v.pop(), lambda v: setattr(v, "x", v),
                    lambda v: hash(v), lambda v: v(1, 2, 3), lambda v: v.update(v)):  # fmt: skip
            try:
                use(view)
            except REFUSALS as error:
                caught.append(error)
    return raw_among(caught)


# ---- more ways to read ---------------------------------------------------------------------------

add("read_by_getattr_static", lambda d: inspect.getattr_static(d, "hidden"),
    lambda d: inspect.getattr_static(d.input.account, "_pin"))  # fmt: skip
add("read_by_getmembers", lambda d: [name for name, _ in inspect.getmembers(d) if name == "hidden"],
    lambda d: [name for name, _ in inspect.getmembers_static(d) if name == "hidden"])  # fmt: skip
add("read_by_methodcaller", lambda d: operator.methodcaller("__getattribute__", "hidden")(d),
    lambda d: operator.methodcaller("__getattr__", "hidden")(d),
    lambda d: operator.itemgetter("hidden")(d), lambda d: operator.attrgetter("input.account._pin")(d))  # fmt: skip
add("read_by_super", lambda d: super(type(d), d).__getattribute__("hidden"),
    lambda d: super(Plain, d).__getattribute__("hidden"))  # fmt: skip
add("read_by_a_hook", lambda d: d.__getattr__("hidden"), lambda d: type(d).__getattr__(d, "hidden"),
    lambda d: d.__getattribute__("hidden"), lambda d: type(d).__getattribute__(d, "_private"))  # fmt: skip
add("read_by_a_format_string", lambda d: "{0.hidden}".format(d), lambda d: "{0._private}".format(d),
    lambda d: "{0.input.account._pin}".format(d), lambda d: "{0.__dict__[hidden]}".format(d),
    lambda d: "{d.hidden}".format_map({"d": d}), lambda d: "%(hidden)s" % d,
    lambda d: string.Formatter().get_field("0.hidden", (d,), {}),
    lambda d: string.Template("$hidden").substitute(d))  # fmt: skip
add("read_by_a_format_of_the_class", lambda d: SECRET in "{0.__class__} {0.__dict__} {0.__doc__}".format(d),
    lambda d: SECRET in "{0.__class__.__dict__}".format(d))  # fmt: skip
add("read_by_a_conversion", lambda d: SECRET in f"{d!r}{d!s}{d!a}", lambda d: SECRET in ascii(d),
    lambda d: SECRET in f"{d.input!r}{d.input.items!r}{d.input.d!a}")  # fmt: skip
add("read_by_dataclass_tools", lambda d: dataclasses.asdict(d.input.account)["_pin"],
    lambda d: dataclasses.astuple(d.input.account)[2],
    lambda d: dataclasses.replace(d.input.account, balance=1)._pin,
    lambda d: getattr(d.input.account, dataclasses.fields(Account)[2].name))  # fmt: skip
add("read_by_a_weak_reference", lambda d: weakref.ref(d)().hidden, lambda d: weakref.proxy(d).hidden,
    lambda d: weakref.proxy(d.input).account._pin)  # fmt: skip
add("read_by_a_captured_class", lambda d: _captured(d))
add("read_by_a_slot_descriptor", lambda d: Slotted.a.__get__(d.input.slots),
    lambda d: Slotted.__dict__["a"].__get__(d.input.slots, Slotted),
    lambda d: Slotted._b.__get__(d.input.slots), lambda d: d.input.slots._b)  # fmt: skip


def _captured(value: Any) -> Any:
    match value:
        case Plain(input=Plain(account=Account(_pin=found))):
            return found
        case object(hidden=found):
            return found
    raise TypeError


@attempt
def read_by_names_in_local_and_log(ctx: Any) -> list[Any]:
    """L24: ctx.local and ctx.log belong to the kernel and lead nowhere."""
    found: list[Any] = []
    for each in (ctx.local, ctx.log):
        for name in ("_target", "engine", "_engine", "domain", "ctx", "_ctx", "hidden", "extra",
                     "logger", "__dict__", "__self__", "__wrapped__"):  # fmt: skip
            found += try_each(lambda each=each, name=name: getattr(each, name))
    return raw_among(found)


@attempt
def keep_something_in_local(ctx: Any) -> list[Any]:
    """M9: ctx.local of one call is empty in the next, inner ones included."""
    ctx.local.kept = ctx.domain.output
    return try_each(
        lambda: WORLD[0].run(lambda inner: inner.local.kept),
        lambda: WORLD[0].run(lambda inner: vars(inner.local)["kept"]),
    )


# ---- more ways to write --------------------------------------------------------------------------

add("write_by_type_setattr", lambda d: type.__setattr__(type(d.input), "n", 2) or "done",
    lambda d: type.__setattr__(type(d.input.items), "append", list.append) or "done",
    lambda d: type.__delattr__(type(d.input.items), "append") or "done",
    lambda d: setattr(type(d.input.d), "update", dict.update) or "done")  # fmt: skip
add("write_by_the_dict_of_a_type", lambda d: vars(type(d.input))["n"],
    lambda d: vars(type(d.input)).update(n=2), lambda d: operator.setitem(vars(type(d.input.items)), "append", 1))  # fmt: skip
add("assign_a_class_past_the_view", lambda d: object.__setattr__(d.input, "__class__", Account) or "done",
    lambda d: object.__setattr__(d.input.items, "__class__", list) or "done",
    lambda d: type(d.input).__class__.__set__(d.input, Account),
    lambda d: setattr(d.output, "__class__", Account) or "done")  # fmt: skip
add("assign_a_dict", lambda d: setattr(d.input, "__dict__", {}) or "done", lambda d: object.__setattr__(d.input, "__dict__", {}) or "done",
    lambda d: setattr(d, "__dict__", {"input": 1}) or "done", lambda d: delattr(d.input, "__dict__") or "done")  # fmt: skip
add("write_by_a_slot_of_the_class", lambda d: Slotted.a.__set__(d.input.slots, 2),
    lambda d: Slotted.a.__delete__(d.input.slots), lambda d: setattr(d.input.slots, "a", 2),
    lambda d: d.input.slots.a.append(2), lambda d: object.__setattr__(d.input.slots, "a", 2))  # fmt: skip
add("write_by_the_setter_itself", lambda d: Account.pin.fset(d.input.account, 5),
    lambda d: Account.pin.__set__(d.input.account, 5), lambda d: setattr(d.input.account, "pin", 5),
    lambda d: type(d.input.account).pin.fset(d.input.account, 5))  # fmt: skip
add("write_by_another_init", lambda d: Plain.__init__(d.input, n=2), lambda d: d.__class__.__init__(d.input, n=2),
    lambda d: list.__init__(d.input.items, [1]), lambda d: dict.__init__(d.input.d, z=1),
    lambda d: set.__init__(d.input.tags, [1]))  # fmt: skip
add("write_by_a_weak_proxy", lambda d: setattr(weakref.proxy(d.input), "n", 2),
    lambda d: weakref.proxy(d.input.items).append(1), lambda d: weakref.ref(d.input.d)().clear())  # fmt: skip
add("write_what_a_match_captured", lambda d: _match_list(d.input.items), lambda d: _match_dict(d.input.d),
    lambda d: _match_rest(d.input.d), lambda d: _match_tuple(d.input.pair))  # fmt: skip
add("write_by_star_unpacking", lambda d: [*d.input.items][0].append(1), lambda d: (lambda _, *rest: rest[0].update(z=1))(*d.input.items),
    lambda d: (lambda **named: named["a"].update(z=1))(**d.input.d), lambda d: [*d.input.d.values()][0].update(z=1))  # fmt: skip
add("write_by_a_comprehension", lambda d: [each for each in d.input.items][0].append(1),
    lambda d: {k: v for k, v in d.input.d.items()}["a"].update(z=1),
    lambda d: [deep for each in d.input.d.values() for deep in each.values()][0].append(1),
    lambda d: next(iter({each for each in d.input.tags})).__setattr__("n", 9))  # fmt: skip
add("write_by_a_sorting_key", lambda d: sorted(d.input.items, key=lambda each: each.append(1)),
    lambda d: max(d.input.d.values(), key=lambda each: each.clear()),
    lambda d: heapq.nlargest(1, d.input.items, key=lambda each: each.append(1)))  # fmt: skip
add("write_by_the_library", lambda d: bisect.insort(d.input.items, 1, key=str), lambda d: random.shuffle(d.input.items),
    lambda d: heapq.heapify(d.input.items), lambda d: heapq.heappush(d.input.items, 1),
    lambda d: operator.setitem(d.input.items, 0, 1), lambda d: operator.delitem(d.input.d, "k"),
    lambda d: operator.iconcat(d.input.items, [1]), lambda d: operator.imul(d.input.items, 2),
    lambda d: functools.reduce(operator.iconcat, [[1]], d.input.items),
    lambda d: collections.ChainMap(d.input.d).update(z=1), lambda d: collections.deque(d.input.items)[0].append(1),
    lambda d: collections.UserList(d.input.items)[0].append(1), lambda d: collections.UserDict(d.input.d)["a"].update(z=1),
    lambda d: collections.Counter(d.input.d)["a"].update(z=1))  # fmt: skip
add("write_by_itertools", lambda d: next(itertools.chain(d.input.items)).append(1),
    lambda d: next(itertools.tee(d.input.items)[1]).append(1), lambda d: next(itertools.cycle(d.input.items)).append(1),
    lambda d: next(itertools.islice(d.input.items, 1)).append(1), lambda d: next(itertools.batched(d.input.items, 1))[0].append(1)
    if hasattr(itertools, "batched") else None, lambda d: list(itertools.starmap(list.append, zip(d.input.items, [1], strict=False))))  # fmt: skip
add("every_set_mutator", *(
    functools.partial(lambda name, args, d: getattr(d.input.tags, name)(*args), name, args)
    for name, args in [
        ("add", (1,)), ("discard", ("tag",)), ("remove", ("tag",)), ("pop", ()), ("clear", ()),
        ("update", ([1],)), ("intersection_update", ([1],)), ("difference_update", (["tag"],)),
        ("symmetric_difference_update", ([1],)), ("__ior__", ({1},)), ("__iand__", ({1},)),
        ("__isub__", ({"tag"},)), ("__ixor__", ({1},)), ("__init__", ([1],)),
    ]
))  # fmt: skip
add("set_methods_on_a_view", lambda d: set.add(d.input.tags, 1), lambda d: set.clear(d.input.tags), lambda d: set.pop(d.input.tags),
    lambda d: set.update(d.input.tags, [1]), lambda d: type(d.input.tags).add(d.input.items, 1))  # fmt: skip
add("write_an_element_of_a_set", *(
    functools.partial(lambda pick, d: _object(pick(d.input.tags)).__setattr__("n", 9), pick)
    for pick in (
        list, tuple, lambda s: sorted(s, key=str), lambda s: s | set(), lambda s: set() | s, lambda s: s & set(s),
        lambda s: s - {"tag"}, lambda s: s ^ {1}, lambda s: s.copy(), lambda s: s.union([1]), copy.copy,
        lambda s: s.difference([1]), lambda s: s.symmetric_difference([1]), frozenset, set, iter,
        lambda s: s.intersection(list(s)), lambda s: frozenset() | s, lambda s: dict.fromkeys(s),
    )
))  # fmt: skip
add("write_in_tuples_of_tuples", lambda d: d.input.pair[0][1].append(1), lambda d: setattr(d.input.pair[1][0], "n", 2),
    lambda d: d.input.pair[::-1][1][1].append(1), lambda d: (d.input.pair + ())[0][1].append(1),
    lambda d: (d.input.pair * 2)[2][1].append(1), lambda d: next(iter(d.input.pair))[1].append(1))  # fmt: skip
add("write_by_a_namedtuple", lambda d: d.input.point.y.append(1), lambda d: d.input.point._replace(x=2).y.append(1),
    lambda d: d.input.point._asdict()["y"].append(1), lambda d: Point._make(d.input.point).y.append(1),
    lambda d: d.input.point[1].append(1), lambda d: Point.y.__get__(d.input.point).append(1), lambda d: setattr(d.input.point, "x", 2))  # fmt: skip
add("write_by_the_mapping_of_a_dict_view", lambda d: d.input.d.keys().mapping.update(z=1), lambda d: d.input.d.values()._mapping.clear(),
    lambda d: d.input.d.items()._mapping.__setitem__("z", 1), lambda d: d.input.d.items().mapping["a"].update(z=1),
    lambda d: d.input.d.keys().mapping["a"].clear())  # fmt: skip
add("write_by_a_reduced_iterator", lambda d: iter(d.input.items).__reduce__()[1][0].append(1),
    lambda d: copy.copy(iter(d.input.items)).__next__().append(1), lambda d: reversed(d.input.items).__reduce__()[1][0].append(1),
    lambda d: d.input.items.append.__reduce__()[1][0].append(1), lambda d: d.input.items.append.__self__.append(1))  # fmt: skip
add("write_heavy_memory", lambda d: operator.setitem(d.input.heavy_bytes, 0, 1), lambda d: operator.setitem(d.input.heavy_bytes.obj, 0, 1),
    lambda d: operator.setitem(memoryview(d.input.heavy_bytes), 0, 1), lambda d: operator.setitem(d.input.heavy_bytes.cast("B"), 0, 1),
    lambda d: struct.pack_into("b", d.input.heavy_bytes, 0, 1), lambda d: io.BytesIO(b"xyz").readinto(d.input.heavy_bytes),
    lambda d: d.input.heavy_bytes.obj.append(1), lambda d: operator.setitem(d.input.heavy_bytes[1:].toreadonly(), 0, 1))  # fmt: skip
add("write_a_heavy_array", lambda d: operator.setitem(d.input.heavy_array, 0, 1), lambda d: d.input.heavy_array.fill(1), lambda d: d.input.heavy_array.sort(),
    lambda d: operator.iadd(d.input.heavy_array, 1), lambda d: np.copyto(d.input.heavy_array, 1), lambda d: np.add(d.input.heavy_array, 1, out=d.input.heavy_array),
    lambda d: d.input.heavy_array.setflags(write=True), lambda d: setattr(d.input.heavy_array.flags, "writeable", True) or "done",
    lambda d: operator.setitem(d.input.heavy_array.view(), 0, 1), lambda d: operator.setitem(d.input.heavy_array.T, 0, 1),
    lambda d: operator.setitem(d.input.heavy_array[:], 0, 1), lambda d: operator.setitem(np.asarray(d.input.heavy_array), 0, 1),
    lambda d: operator.setitem(np.frombuffer(d.input.heavy_array), 0, 1), lambda d: operator.setitem(np.from_dlpack(d.input.heavy_array), 0, 1),
    lambda d: operator.setitem(np.lib.stride_tricks.as_strided(d.input.heavy_array), 0, 1), lambda d: operator.setitem(d.input.heavy_array.data, 0, 1),
    lambda d: d.input.heavy_array.resize(1), lambda d: d.input.heavy_array.__setstate__((1, (1,), np.dtype("f8"), False, b"12345678")))  # fmt: skip
add("write_by_the_base_of_an_array", lambda d: [operator.setitem(base, 0, 7.0) for base in _bases(d.input.heavy_array)],
    lambda d: [base.setflags(write=True) for base in _bases(d.input.heavy_array)], lambda d: [base.fill(7) for base in _bases(d.input.heavy_array)],
    lambda d: [operator.setitem(memoryview(base).cast("B"), 0, 7) for base in _bases(d.input.heavy_array)])  # fmt: skip


def _object(values: Any) -> Any:
    return next(each for each in values if isinstance(each, Plain))


def _bases(value: Any) -> list[Any]:
    bases = []
    while (value := getattr(value, "base", getattr(value, "obj", None))) is not None:
        bases.append(value)
    return bases


def _match_list(value: Any) -> Any:
    match value:
        case [[*_] as first, *_]:
            return first.append(1)
    raise TypeError


def _match_dict(value: Any) -> Any:
    match value:
        case {"a": {"b": found}}:
            return found.append(1)
    raise TypeError


def _match_rest(value: Any) -> Any:
    match value:
        case {"k": 1, **rest}:
            return rest["a"].update(z=1)
    raise TypeError


def _match_tuple(value: Any) -> Any:
    match value:
        case ((_, found), _):
            return found.append(1)
    raise TypeError


# ---- later, elsewhere, by others -----------------------------------------------------------------


@attempt
def keep_callables_for_later(ctx: Any) -> None:
    """A partial, a bound method, a map or a callback that outlives the run is stale."""
    out = ctx.domain.output
    out.account = ctx.domain.input.account
    stack = contextlib.ExitStack()
    stack.callback(out.items.append, 1)
    caller = operator.methodcaller("append", 1)
    KEPT[:] = [functools.partial(out.items.append, 1), functools.partial(out.account.spend, 1),
               out.account.add, out.account.spend, map(out.items.append, [1, 2]),
               iter(out.d.items()), out.d.values(),
               lambda: caller(out.items), stack.pop_all().close,
               types.MethodType(Account.spend, out.account),
               lambda: setattr(out, "account", None), lambda: vars(out).clear()]  # fmt: skip


@attempt
def a_coroutine_that_goes_on_later(ctx: Any) -> None:
    """A coroutine made in a run writes nowhere when somebody drives it afterwards."""

    async def late() -> None:
        ctx.domain.output.items.append(1)

    def drive(coroutine: Any) -> None:
        coroutine.send(None)

    KEPT[:] = [functools.partial(drive, late())]


@attempt
def an_exception_that_carries_views(ctx: Any) -> None:
    """An error that takes views with it, in its arguments or its notes, takes dead ones."""
    out = ctx.domain.output
    error = Declared(out.items, {"d": out.d})
    error.view = out  # type: ignore[attr-defined]
    KEPT[:] = [lambda: error.args[0].append(1), lambda: error.args[1]["d"].update(z=1),
               lambda: setattr(error.view, "x", 1)]  # type: ignore[attr-defined]  # fmt: skip
    out.items.append(1)
    raise error


@attempt
def a_context_manager_that_outlives_the_run(ctx: Any) -> None:
    """The second half of a context manager, run later, writes nowhere."""

    @contextlib.contextmanager
    def manager() -> Any:
        yield
        ctx.domain.output.items.append(1)

    opened = manager()
    opened.__enter__()
    KEPT[:] = [lambda: opened.__exit__(None, None, None)]


@attempt
def a_sorting_key_that_keeps_views(ctx: Any) -> None:
    """What a key, a default or a callback was shown is a view, and stale later."""
    out = ctx.domain.output
    out.items.extend([[3], [1]])
    out.items.sort(key=lambda each: KEPT.append(each) or str(each))
    for each in KEPT:
        try_each(each.reverse)


@attempt
def a_method_with_a_closure(ctx: Any) -> list[Any]:
    """A method that reaches out of its object by a closure has the rights of the process."""
    given, domain = ctx.domain.input, ctx.domain

    class Reaching:
        def write(self) -> None:
            given.items.append(1)

        def read(self) -> Any:
            return domain.hidden

        def private(self) -> Any:
            return given.account._pin

    ctx.domain.output.account = Reaching()
    stored = ctx.domain.output.account
    return try_each(stored.write, stored.read, stored.private)


@attempt
def a_setter_that_reaches_a_sibling(ctx: Any) -> list[Any]:
    """A setter under an output writes beside it only what the contract gives as well."""
    ctx.domain.output.account = Account()

    def inner(narrow: Any) -> None:
        narrow.domain.output.account.pin = 5

    def method(narrow: Any) -> None:
        narrow.domain.output.account.spend(1)

    return [
        got
        for body in (inner, method)
        for got in try_each(
            lambda body=body: WORLD[0].run(body, outputs=["domain.output.account.items"]) or "done"
        )
    ]


@attempt
def hand_a_view_to_an_inner_process(ctx: Any) -> list[Any]:
    """M3: a view that is an argument arrives as a copy of its own, also inside a list."""
    given = ctx.domain.input

    def store(inner: Any, view: Any) -> None:
        inner.domain.output.items = view
        inner.domain.output.items[0].append(1)

    run = WORLD[0].run
    try_each(lambda: run(store, view=given.items))
    met = try_each(
        lambda: run(lambda _, view: view.append(1) or view[0].append(1) or view, view=given.items),
        lambda: run(lambda _, view: view[0][0].append(1) or view, view=[given.items]),
        lambda: run(lambda _, view: view.spend(1) and view, view=given.account),
    )
    assert len(met) == 3
    return raw_among(met)


@attempt
def take_a_result_of_an_inner_process(ctx: Any) -> list[Any]:
    """What an inner process returns is a copy, however deep the view was hidden."""
    _ = ctx
    got = try_each(
        lambda: WORLD[0].run(lambda inner: inner.domain.input.items, inputs=["domain.input"]),
        lambda: WORLD[0].run(
            lambda inner: ([inner.domain.input.d], {"x": (inner.domain.input,)}),
            inputs=["domain.input"],
        ),
    )
    assert len(got) == 2
    got[0][0].append(1)
    got[1][0][0]["a"]["b"].append(1)
    got[1][1]["x"][0].items.clear()
    return raw_among(got)


@attempt
def register_with_more_rights(ctx: Any) -> list[Any]:
    """A process that is registered inside another one runs with what both may do."""
    _ = ctx
    engine = WORLD[0].engine

    @process([], ["domain", "global"])
    def greedy(inner: Any) -> Any:
        inner.domain.hidden["token"] = 1
        return "done"

    def run() -> Any:
        engine.register_process("greedy", greedy)
        return engine.run_process("greedy")

    return try_each(
        run, lambda: engine.execute_process("greedy"), lambda: engine.execute_process(greedy)
    )


@attempt
def edit_what_is_only_an_input(ctx: Any) -> list[Any]:
    """edit() inside a process reads and writes what that process may, and nothing else."""
    _ = ctx
    got: list[Any] = []
    for use in (
        lambda inner: inner.domain.hidden["token"],
        lambda inner: inner.domain._private[0],
        lambda inner: inner.global_ctx.given["token"],
        lambda inner: inner.domain.input.items.append(1) or "done",
        lambda inner: inner.domain.input.account.spend(1),
    ):

        def edit(use: Any = use) -> Any:
            with WORLD[0].engine.edit() as inner:
                return use(inner)

        got += try_each(edit)
    return got


@attempt
def make_a_type_of_a_view(ctx: Any) -> list[Any]:
    """No class statement, no metaclass and no hook makes a subclass of a view."""
    kinds = {type(each) for each in views_of(ctx)[:8]} - {tuple}

    class Entry:
        def __init__(self, kind: type) -> None:
            self.kind = kind

        def __mro_entries__(self, bases: Any) -> Any:
            return (self.kind,)

    class Meta(type):
        def mro(cls) -> Any:
            return [cls, *kinds, object]

    return try_each(
        *(
            lambda make=make, kind=kind: make(kind)
            for kind in kinds
            for make in (
                lambda k: types.new_class("Sub", (k,)),
                lambda k: types.new_class("Sub", (Plain, k)),
                lambda k: types.new_class("Sub", (Entry(k),)),
                lambda k: type.__new__(type, "Sub", (k,), {}),
                lambda k: Meta("Sub", (k,), {}),
                lambda k: type("Sub", (), {"__slots__": ()}).__bases__.__iadd__((k,)) and None,
            )
        ),
        lambda: Meta("Sub", (), {}),
    )


@attempt
def keep_a_view_of_an_inner_process(ctx: Any) -> list[Any]:
    """M3: a view that an inner process left behind is stale in the outer one."""
    _ = ctx

    def late(inner: Any) -> Any:
        KEPT.append(inner.domain.output.items)

    WORLD[0].run(late, outputs=["domain.output"])
    return try_each(lambda: KEPT[0].append(1) or "done", lambda: KEPT[0][:])


WORLD: list[World] = []
KEPT: list[Any] = []


@pytest.mark.parametrize("name", ATTEMPTS)
@pytest.mark.parametrize("fails", [False, True], ids=["returns", "fails"])
def test_escape(world: World, name: str, fails: bool) -> None:
    """L1-L8, L10: nothing undeclared is read, no input is changed, a failure leaves nothing."""
    WORLD[:] = [world]
    KEPT[:] = []
    before = world.picture()
    protected = fingerprint_of(world)
    got: list[Any] = []
    broken: BaseException | None = None

    def body(ctx: Any) -> None:
        got.extend(ATTEMPTS[name](ctx) or [])
        if fails:
            raise Declared

    try:
        world.run(body, inputs=["domain.input"], outputs=["domain.output"])
    except (Declared, ContractViolationError) as error:
        broken = error.__cause__
        assert before == world.picture()
    assert broken is None, "the attempt itself is broken"
    WORLD.clear()
    harmless = [each for each in got if each not in (None, False, [])]
    assert harmless == [], "something was not refused"
    assert protected == fingerprint_of(world)
    after = world.picture()
    for kept in KEPT:
        try_each(lambda kept=kept: next(kept), lambda kept=kept: kept(1), lambda kept=kept: kept(),
                 lambda kept=kept: kept.append(1), lambda kept=kept: setattr(kept, "x", 1),
                 lambda kept=kept: kept.clear())  # fmt: skip
    KEPT.clear()
    assert after == world.picture()


def fingerprint_of(world: World) -> str:
    """Everything but the output, as text: no identity is needed to see a change."""
    state = dict(vars(world.domain))
    state.pop("output")
    return repr(state) + repr(vars(world.ctx.global_ctx))


def test_there_are_enough_attempts() -> None:
    """The list only grows."""
    assert len(ATTEMPTS) >= 115


def test_the_lock_and_the_engine_are_no_way_in(world: World) -> None:
    """L7: what a closure reaches without a view is the documented limit: plain Python objects.
    What the kernel itself offers is closed: no engine or module function installs state."""
    engine = world.engine
    assert isinstance(engine, TheusEngine)
    public = {name for name in dir(_kernel) if not name.startswith("_")}
    forbidden = {"commit", "apply", "unwrap", "target", "install", "set_state", "raw"}
    assert not public & forbidden
    assert ctypes.sizeof(ctypes.c_void_p) == 8
    assert sys.implementation.name == "cpython"


def test_a_locked_context_is_no_way_out() -> None:
    """L7: assigning to the engine's own context inside a process is refused, and changes nothing."""

    class Domain(BaseDomainContext):
        def __init__(self) -> None:
            self.n = 1

    engine = TheusEngine(BaseSystemContext(None, Domain()))

    @process([], ["domain.n"])
    def sly(_: Any) -> None:
        with pytest.raises(theus.LockViolationError):
            engine.ctx.domain_ctx.n = 2
        with pytest.raises(theus.LockViolationError):
            del engine.ctx.domain_ctx.n
        with pytest.raises(theus.LockViolationError):
            engine.ctx.domain_ctx = Domain()

    engine.register_process("sly", sly)
    engine.run_process("sly")
    assert engine.ctx.domain_ctx.n == 1
    assert engine.version == 0


def test_a_listener_cannot_change_a_commit(world: World) -> None:
    """What a listener is told is a record: its fields cannot be assigned or extended."""
    told: list[Any] = []
    world.engine.on_commit(told.append)
    world.run(lambda ctx: setattr(ctx.domain.output, "n", 1), outputs=["domain.output"])
    commit = told[0]
    assert not try_each(
        lambda: setattr(commit, "version", 9) or "done",
        lambda: setattr(commit.writes[0], "value", 9) or "done",
        lambda: setattr(commit, "x", 9) or "done",
        lambda: commit.writes.append(1) or "done",
        lambda: type(commit)(1, "x", ()),
    )
    assert (commit.version, world.engine.version) == (1, 1)


def test_a_process_cannot_widen_its_contract(world: World) -> None:
    """Changing _pop_contract while or after a process is registered changes nothing."""

    @process(["domain.input"], ["domain.output"])
    def sly(ctx: Any) -> Any:
        sly._pop_contract.inputs.append("domain")
        sly._pop_contract.outputs.append("domain")
        return ctx.domain.hidden

    world.engine.register_process("sly", sly)
    for _ in range(2):
        with pytest.raises(theus.AccessDeniedError):
            world.engine.run_process("sly")
