"""Attempts to reach, change or keep what a contract does not give. None succeeds.

Each attempt gets ``ctx`` of a process that may read ``domain.input`` and write ``domain.output``
and nothing else. It passes if everything it tried was refused; it may also end well, if that gave
it nothing. After it, as after its failure, the state is what it was.
"""

# ruff: noqa: E501, FURB192, PLW0108, PYI034, RUF005, RUF015, C417
# An attempt is one line, written the way somebody would try it.

import copy
import ctypes
import functools
import gc
import operator
import pickle
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from harness import Declared, World
from model import Plain

import theus
from theus import ContractViolationError, TheusEngine, _kernel, plain, process

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


@pytest.fixture
def world() -> World:
    """An input, an output, and what is neither."""
    return World(
        given={"token": SECRET},
        input=Plain(
            items=[[1], {"k": [2]}, (3, [4])], d={"a": {"b": [1]}, "k": 1}, account=Account(), n=1
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
add("read_by_operator", lambda d: operator.attrgetter("hidden.token")(d))
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
                 lambda kept=kept: kept.append(1), lambda kept=kept: setattr(kept, "x", 1))  # fmt: skip
    KEPT.clear()
    assert after == world.picture()


def fingerprint_of(world: World) -> str:
    """Everything but the output, as text: no identity is needed to see a change."""
    state = dict(vars(world.domain))
    state.pop("output")
    return repr(state) + repr(vars(world.ctx.global_ctx))


def test_there_are_enough_attempts() -> None:
    """The list only grows."""
    assert len(ATTEMPTS) >= 40


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
