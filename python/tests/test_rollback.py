"""A failed process leaves no trace; a committed one leaves exactly what it wrote."""

import asyncio
import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from harness import Declared, Undeclared, World
from model import Plain, Slots

from theus import ContractViolationError, TheusEngine


def full() -> World:
    """A context with containers of every supported kind in each other."""
    shared = [1, [2]]
    return World(
        n=1,
        items=[3, 1, 2],
        rows=[[1], [2, 3]],
        d={"a": {"b": {}}, "k": 1, None: [shared], 1: "x"},
        shared=shared,
        obj=Plain(a=1, b=[1], c={"x": 1}),
        slots=Slots(a=[1]),
        pair=([1], {"y": 2}),
    )


def append_to_second(_: Any, second: Any) -> None:
    """Change an element that was reached by unpacking."""
    second.append(0)


WRITES: dict[str, Callable[[Any], Any]] = {
    "attribute": lambda d: setattr(d, "n", 2),
    "new attribute": lambda d: setattr(d, "new", [1]),
    "delete attribute": lambda d: delattr(d, "n"),
    "delete a container": lambda d: delattr(d, "items"),
    "nested attribute": lambda d: setattr(d.obj, "a", 2),
    "nested new attribute": lambda d: setattr(d.obj, "d", 2),
    "slot": lambda d: setattr(d.slots, "a", 2),
    "empty slot": lambda d: setattr(d.slots, "b", 2),
    "delete slot": lambda d: delattr(d.slots, "a"),
    "list in slot": lambda d: d.slots.a.append(2),
    "append": lambda d: d.items.append(4),
    "extend": lambda d: d.items.extend([4, 5]),
    "insert": lambda d: d.items.insert(0, 4),
    "pop": lambda d: d.items.pop(),
    "pop first": lambda d: d.items.pop(0),
    "remove": lambda d: d.items.remove(1),
    "clear list": lambda d: d.items.clear(),
    "sort": lambda d: d.items.sort(),
    "reverse": lambda d: d.items.reverse(),
    "set element": lambda d: d.items.__setitem__(1, 9),
    "set last": lambda d: d.items.__setitem__(-1, 9),
    "delete element": lambda d: d.items.__delitem__(0),
    "set slice": lambda d: d.items.__setitem__(slice(0, 2), [7, 8, 9]),
    "delete slice": lambda d: d.items.__delitem__(slice(0, 2)),
    "+=": lambda d: d.items.__iadd__([4]),
    "*=": lambda d: d.items.__imul__(2),
    "nested append": lambda d: d.rows[1].append(4),
    "append by iteration": lambda d: [row.append(0) for row in d.rows],
    "append by slice": lambda d: d.rows[0:1][0].append(0),
    "append by unpacking": lambda d: append_to_second(*d.rows),
    "append in a tuple": lambda d: d.pair[0].append(2),
    "set in a tuple": lambda d: d.pair[1].update(y=3),
    "set key": lambda d: d.d.__setitem__("k", 2),
    "set new key": lambda d: d.d.__setitem__("new", {}),
    "delete key": lambda d: d.d.__delitem__("k"),
    "pop key": lambda d: d.d.pop(None),
    "popitem": lambda d: d.d.popitem(),
    "clear dict": lambda d: d.d.clear(),
    "update": lambda d: d.d.update(k=3, z=4),
    "|=": lambda d: d.d.__ior__({"z": 1}),
    "setdefault": lambda d: d.d.setdefault("list", []).append(1),
    "nested key": lambda d: d.d["a"]["b"].__setitem__("c", 1),
    "by values": lambda d: next(iter(d.d.values())).clear(),
    "by items": lambda d: dict(d.d.items())["a"].update(x=1),
    "by get": lambda d: d.d.get("a")["b"].update(x=1),
    "alias": lambda d: d.shared.append(3),
    "through an alias": lambda d: d.d[None][0][1].append(3),
    "replace": lambda d: setattr(d, "items", []),
    "replace then change": lambda d: (setattr(d, "items", []), d.items.append(1)),
    "everything": lambda d: [delattr(d, name) for name in ("n", "items", "rows", "d", "obj")],
}


@pytest.mark.parametrize("write", WRITES)
def test_a_failure_leaves_no_trace(write: str) -> None:
    """D18: whatever was written, a declared or undeclared error puts nothing into the state."""
    full().fails_without_a_trace(lambda ctx: WRITES[write](ctx.domain))


@pytest.mark.parametrize("write", WRITES)
def test_a_commit_is_what_plain_python_does(write: str) -> None:
    """D1, D12: each mutator, in a process and on a plain twin, leaves the same."""
    world, twin = full(), full()
    world.run(lambda ctx: WRITES[write](ctx.domain))
    WRITES[write](twin.domain)
    assert twin.picture()[:2] == world.picture()[:2]


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_visible_before_the_commit(write: str) -> None:
    """Nothing reaches user objects while the process runs."""
    world = full()
    before = world.picture()

    def body(ctx: Any) -> None:
        WRITES[write](ctx.domain)
        assert before == world.picture()

    world.run(body)


@pytest.mark.parametrize("write", WRITES)
def test_a_denied_write_changes_nothing(write: str) -> None:
    """D16: for a process that may only read, each of these raises at its line."""
    world = full()
    before = world.picture()
    with pytest.raises(PermissionError):
        world.run(lambda ctx: WRITES[write](ctx.domain), inputs=["domain"], outputs=[])
    assert before == world.picture()


def test_everything_at_once() -> None:
    """D18: all these writes one after the other, then a failure: no trace."""

    def body(ctx: Any) -> None:
        for name, write in WRITES.items():
            if name not in ("delete attribute", "delete a container", "everything", "clear dict"):
                try:
                    write(ctx.domain)
                except (LookupError, ValueError, AttributeError, TypeError):
                    continue  # an earlier write took away what this one needs

    full().fails_without_a_trace(body)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_interrupts_pass_untouched(error: type[BaseException]) -> None:
    """L22: what is no error is the very object that was raised, after rollback."""
    world = full()
    before, raised = world.picture(), error()

    def body(ctx: Any) -> None:
        ctx.domain.items.clear()
        raise raised

    with pytest.raises(error) as caught:
        world.run(body)
    assert caught.value is raised
    assert before == world.picture()


def test_runs_follow_each_other() -> None:
    """D6: each run starts from the newest commit, in every style of saving."""
    world = World(d={})
    styles: list[Callable[[Any], Any]] = [
        lambda d: d.d.__setitem__("one", 1),
        lambda d: setattr(d, "d", {**d.d, "two": 2}),
        lambda d: setattr(d, "d", d.d | {"three": 3}),
        lambda d: (copied := dict(d.d), copied.update(four=4), setattr(d, "d", copied)),
        lambda d: d.d.update(five=5),
    ]
    for style in styles * 2:
        world.run(lambda ctx, style=style: style(ctx.domain))
    assert world.domain.d == {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
    assert world.engine.version == 10


def test_replacing_is_not_patching() -> None:
    """D2: a sibling survives a change of one key and goes with a replacement."""
    world = World(order={"qty": 1, "note": "x"})
    world.run(lambda ctx: ctx.domain.order.update(qty=2))
    assert world.domain.order == {"qty": 2, "note": "x"}
    world.run(lambda ctx: setattr(ctx.domain, "order", {"qty": 3}))
    assert world.domain.order == {"qty": 3}


def test_append_after_assigning_a_fresh_list() -> None:
    """D5: after an assignment, reads give a view of the new value."""
    world = World(d={"x": [1]})

    def body(ctx: Any) -> list[int]:
        ctx.domain.d["x"] = []
        ctx.domain.d["x"].append(1)
        ctx.domain.d["x"].append(2)
        return list(ctx.domain.d["x"])

    assert world.run(body) == [1, 2]
    assert world.domain.d == {"x": [1, 2]}


def test_removed_is_not_none() -> None:
    """D10: a removed key is gone, a None is a value, a key set again is there."""
    world = World(d=dict.fromkeys("abcdef", 1))

    def body(ctx: Any) -> None:
        d = ctx.domain.d
        d.pop("a")
        del d["b"]
        d["c"] = None
        d["f"] = d.pop("f")
        del d["d"]
        d["d"] = 2
        assert list(d) == ["c", "e", "f", "d"]
        assert (d.get("a", "z"), d.get("c", "z")) == ("z", None)

    world.run(body)
    assert list(world.domain.d.items()) == [("c", None), ("e", 1), ("f", 1), ("d", 2)]
    world.run(lambda ctx: ctx.domain.d.clear())
    assert world.domain.d == {}


KEYS = [1, "1", "a.b", None, (1, "x"), ("a", (2,)), 2.5, "", "domain", b"x", frozenset({1}), True]


def test_keys_are_the_objects_they_are() -> None:
    """D11: 1, "1", "a.b", None and tuples side by side, as in a dict."""
    world = World(d={"old": 0})
    twin = {"old": 0} | {key: n for n, key in enumerate(KEYS)}

    def body(ctx: Any) -> None:
        for n, key in enumerate(KEYS):
            ctx.domain.d[key] = n
        for key in KEYS:
            assert twin[key] == ctx.domain.d[key]

    world.run(body)
    assert list(twin.items()) == list(world.domain.d.items())
    assert [*map(type, twin)] == [*map(type, world.domain.d)]


def test_aliases_stay_aliases() -> None:
    """D14: two paths to one object are one object in the run and after it."""
    world = World(items=[1])
    world.domain.same = world.domain.items
    original = world.domain.items

    def body(ctx: Any) -> None:
        ctx.domain.items.append(2)
        assert ctx.domain.same == [1, 2]
        ctx.domain.third = ctx.domain.same
        ctx.domain.third.append(3)
        assert ctx.domain.items == [1, 2, 3]

    world.run(body)
    assert original == [1, 2, 3]
    assert world.domain.items is world.domain.same is world.domain.third is original


def test_untouched_objects_are_not_touched() -> None:
    """D15: a commit writes the paths that were written; a change by others beside it stays."""
    world = World(a=1, b=1, c=[1])

    def body(ctx: Any) -> None:
        ctx.domain.a = 2
        world.domain.b = "from outside"
        world.domain.c.append("from outside")

    world.run(body)
    assert (
        world.domain.a, world.domain.b, world.domain.c,
    ) == (2, "from outside", [1, "from outside"])  # fmt: skip


# ---- user code that runs while a commit is applied ----------------------------------------------


class Tripping:
    """An object whose n-th assignment raises while ``armed``; it counts what it was asked."""

    armed = 0
    calls = 0

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def __setattr__(self, name: str, value: Any) -> None:
        cls = type(self)
        cls.calls += 1
        if cls.calls == cls.armed:
            raise Declared(name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)
        super().__delattr__(name)


@pytest.mark.parametrize("at", range(1, 10))
def test_a_setter_fails_at_the_nth_write(at: int) -> None:
    """D17: wherever applying stops, what was applied is undone, order of keys included."""

    class Own(Tripping):
        pass

    world = World(one=Own(a=1, b=2), two=Own(a=1), d={"x": 1, "y": 2, "z": 3}, items=[1, 2, 3], n=1)
    names = {"one": world.domain.one, "two": world.domain.two}

    def picture() -> Any:
        objects = {name: list(vars(each).items()) for name, each in names.items()}
        rest = [list(world.domain.d.items()), list(world.domain.items), list(vars(world.domain))]
        return copy.deepcopy((objects, rest, world.domain.n, world.engine.version))

    def body(ctx: Any) -> None:
        d = ctx.domain
        d.one.a = 5
        del d.d["x"]
        d.d["w"] = 4
        d.items.insert(0, 0)
        d.one.c = 6
        d.two.a = [7]
        del d.one.b
        d.n = 2
        d.fresh = 3
        d.two.b = 8
        d.d.clear()
        d.items.reverse()

    before = picture()
    Own.armed, Own.calls = at, 0
    try:
        world.run(body)
    except Declared:
        assert at == Own.calls
        assert before == picture()
        Own.armed = 0
        world.run(body)  # the engine goes on
    else:
        assert at > Own.calls
    assert vars(world.domain.one) == {"a": 5, "c": 6}
    assert vars(world.domain.two) == {"a": [7], "b": 8}
    assert (world.domain.d, world.domain.items) == ({}, [3, 2, 1, 0])
    assert world.engine.version == 1


def test_a_setter_error_is_raised_as_it_is() -> None:
    """An error of a setter during the commit reaches the caller unwrapped."""

    class Bad:
        def __setattr__(self, name: str, value: Any) -> None:
            raise Undeclared(name)

    world = World(bad=Bad(), n=1)

    def body(ctx: Any) -> None:
        ctx.domain.n = 2
        ctx.domain.bad.x = 1

    with pytest.raises(Undeclared):
        world.run(body)
    assert (world.domain.n, vars(world.domain.bad)) == (1, {})


def test_only_written_fields_are_set() -> None:
    """D15: a commit sets what was written, once, and deletes what was deleted."""
    seen = []

    class Watched:
        def __setattr__(self, name: str, value: Any) -> None:
            seen.append(("set", name, value))
            super().__setattr__(name, value)

        def __delattr__(self, name: str) -> None:
            seen.append(("delete", name))
            super().__delattr__(name)

    watched = Watched()
    vars(watched).update(a=1, b=2, c=3)
    world = World(w=watched)

    def body(ctx: Any) -> None:
        ctx.domain.w.a = 5
        ctx.domain.w.a = 6
        del ctx.domain.w.b
        _ = ctx.domain.w.c
        assert seen == []

    world.run(body)
    assert seen == [("set", "a", 6), ("delete", "b")]


class Gauge:
    """A property with a setter that refuses."""

    def __init__(self) -> None:
        self._level = 1
        self.log = ["made"]

    @property
    def level(self) -> int:
        """What it shows."""
        return self._level

    @level.setter
    def level(self, value: int) -> None:
        self.log.append("before")
        if value < 0:
            raise Declared(value)
        self._level = value
        self.log.append("after")


def test_a_property_setter_is_part_of_the_transaction() -> None:
    """D15: a setter runs at the user's line; what it assigned goes with the process."""
    world = World(g=Gauge())
    with pytest.raises(Declared):
        world.run(lambda ctx: setattr(ctx.domain.g, "level", -1))
    assert (world.domain.g.level, world.domain.g.log) == (1, ["made"])

    def caught(ctx: Any) -> int:
        with pytest.raises(Declared):
            ctx.domain.g.level = -1
        ctx.domain.g.level = 4
        return ctx.domain.g.level

    assert world.run(caught) == 4
    assert (world.domain.g.level, world.domain.g.log) == (4, ["made", "before", "before", "after"])


@dataclass
class Counting:
    """Counts how often the kernel copies, compares or drops it."""

    value: list[int] = field(default_factory=list)
    calls = 0

    def _called(self, *_: Any) -> Any:
        type(self).calls += 1
        return NotImplemented

    __copy__ = __deepcopy__ = __reduce__ = __eq__ = __del__ = _called  # type: ignore[assignment]
    __hash__ = object.__hash__


def test_user_objects_are_never_copied() -> None:
    """D21: the kernel calls no __copy__, __deepcopy__, __eq__ or __del__ of a user object."""
    world = World(c=Counting(), others=[Counting()])

    def body(ctx: Any) -> None:
        ctx.domain.c.value.append(1)
        ctx.domain.others.append(ctx.domain.c)

    world.run(body)
    world.fails_without_a_trace(body)
    assert Counting.calls == 0
    assert world.domain.others[1] is world.domain.c


# ---- edit() --------------------------------------------------------------------------------------


def test_edit_commits_and_rolls_back() -> None:
    """C15: edit() is a transaction like any other, and its errors are not wrapped."""
    world = full()
    with world.engine.edit() as ctx:
        ctx.domain.n = 5
        ctx.global_ctx.given = [1]
    assert (world.domain.n, world.ctx.global_ctx.given, world.engine.version) == (5, [1], 1)
    before = world.picture()

    def edit_and_fail() -> None:
        with world.engine.edit() as ctx:
            ctx.domain.items.clear()
            ctx.domain.obj.a = ctx.domain.new = 1
            raise Undeclared

    with pytest.raises(Undeclared):
        edit_and_fail()
    assert before == world.picture()


def test_edit_nests() -> None:
    """C15: an edit() in an edit() is a savepoint."""
    world = World(items=[])
    with world.engine.edit() as outer:
        outer.domain.items.append(1)
        with suppress(Undeclared), world.engine.edit() as inner:
            inner.domain.items.append(2)
            raise Undeclared
        with world.engine.edit() as inner:
            inner.domain.items.append(3)
        assert outer.domain.items == [1, 3]
        assert world.domain.items == []
    assert world.domain.items == [1, 3]
    assert world.engine.version == 1


def test_edit_is_entered_once() -> None:
    """Entering an edit() twice at once is an error; after its end it can be used again."""
    world = World(n=1)
    editing = world.engine.edit()
    with editing as ctx:
        ctx.domain.n = 2
        with pytest.raises(RuntimeError):
            editing.__enter__()
    with editing as ctx:
        ctx.domain.n += 1
    assert world.domain.n == 3


def test_a_forgotten_edit_rolls_back() -> None:
    """An edit() that is dropped without an end leaves nothing, and the engine goes on."""
    world = World(n=1)
    editing = world.engine.edit()
    editing.__enter__().domain.n = 2
    del editing
    assert world.domain.n == 1
    world.run(lambda ctx: setattr(ctx.domain, "n", 3))
    assert world.domain.n == 3


def test_an_engine_without_writes_makes_no_version() -> None:
    """Who writes nothing makes no version; None returned means None."""
    world = full()
    assert world.run(lambda ctx: None) is None
    assert world.run(lambda ctx: list(ctx.domain.items)) == [3, 1, 2]
    assert world.engine.version == 0
    assert isinstance(world.engine, TheusEngine)


def test_the_error_of_a_failed_process_keeps_its_traceback() -> None:
    """L22: the cause of an undeclared error is the error, with the line that raised it."""
    world = full()

    def body(ctx: Any) -> None:
        _ = ctx.domain.items[99]

    with pytest.raises(ContractViolationError) as caught:
        world.run(body)
    assert str(caught.value).startswith("Undeclared Error Violation: Caught IndexError: ")
    cause = caught.value.__cause__
    assert type(cause) is IndexError
    lines = []
    traceback = cause.__traceback__
    while traceback:
        lines.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert lines[-1] == "body"
