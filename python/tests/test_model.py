"""Random programs do in a process what they do in plain Python, and nothing when they fail."""

import copy
import os
import pickle
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model import (
    MEMORY,
    NAMES,
    SCALARS,
    Body,
    Data,
    Plain,
    Planned,
    Slots,
    Twin,
    fields_seen,
    fingerprint,
    numbered,
    read,
)

from theus import TheusEngine, process

PROGRAMS = 10_000 if os.environ.get("THEUS_DEEP") else 500
DEFAULT = object()
ERRORS = (
    *(LookupError, TypeError, ValueError, ArithmeticError),
    *(AttributeError, BufferError, RuntimeError),
)


class Theus:
    """The other side of Twin: the same state under an engine."""

    def __init__(self, store: Any, given: Any) -> None:
        self.ctx = Plain(domain_ctx=Plain(store=store), global_ctx=Plain(given=given))
        self.held: list[Any] = []
        self.engine = TheusEngine(self.ctx, strict_mode=True)
        self.engine.register_process("run", self._process)

    @staticmethod
    @process(inputs=["global"], outputs=["domain"], errors=[Planned])
    def _process(ctx: Any, body: Body) -> Any:
        return body(ctx)

    def run(self, body: Body) -> Any:
        """Run body as a process."""
        mark = len(self.held)
        try:
            return self.engine.run_process("run", body=body)
        finally:
            del self.held[mark:]

    @staticmethod
    def stored(value: Any) -> Any:
        """What is stored is the kernel's business."""
        return value


# ---- programs ------------------------------------------------------------------------------------


@dataclass
class Step:
    """One operation: at which place, what for each kind that may stand there, with what."""

    path: list[int]
    hand: int  # from the root: 0; else from a place held earlier
    ops: tuple[str, str, str, str]  # for a list, a dict, an object, memory
    i: int
    j: int
    k: int
    key: Any
    value: Any
    values: list[Any]
    name: str

    def fresh(self) -> Any:
        """The value, for storing: each side and each time its own."""
        return copy.deepcopy(self.value)

    def several(self) -> list[Any]:
        """The values, likewise."""
        return copy.deepcopy(self.values)


@dataclass
class Call:
    """A process inside the program."""

    steps: list[Any]
    fails: bool = field(default=False)


KEYS = ["a", "b", 1, "1", True, None, "a.b", (1, "x"), 1.5, 2, ""]
scalars = st.one_of(st.integers(-3, 3), st.sampled_from([None, True, "x", "a.b", 2.5, b"y", 2**70]))
numbers = st.lists(st.integers(0, 9), max_size=9)
memory = st.builds(bytearray, numbers) | st.builds(array, st.sampled_from("bHfd"), numbers)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
        st.builds(Plain, a=inner, d=inner),
        st.builds(Data, a=inner),
        st.builds(Slots, a=inner, b=inner),
        memory,
        st.tuples(inner, st.lists(inner, max_size=1)),
    ),
    max_leaves=5,
)
# A store always has a list, a dict, an object and memory to begin with, which share a part.
stores = st.builds(
    lambda shared, other, several, bytes_, numbers: {
        "list": [*several, shared, 3],
        "dict": {"a": other, 1: [shared], "1": 0},
        "object": Plain(a=shared, b=bytes_),
        "memory": bytes_,
        "numbers": numbers,
    },
    values,
    values,
    st.lists(values, max_size=3),
    memory,
    memory,
)
small = st.integers(-4, 5)


def rank(value: Any) -> str:
    """A key to sort anything by, which does not look into the list that is being sorted."""
    return repr(value) if isinstance(value, SCALARS) else value.__class__.__name__


def stop_after(each: list[Any]) -> Iterator[Any]:
    """Give the items and then fail."""
    yield from each
    raise Planned("iterable")


def while_walking(items: Any, change: Callable[[], Any]) -> list[Any]:
    """Change a container in the middle of an iteration over it."""
    seen = []
    for n, item in enumerate(items):
        seen.append(read(item))
        if n == 1:
            change()
        if n > 8:
            break
    return seen


def sort_failing(target: Any, step: Step) -> None:
    """Sort with a key that looks at the list, and may raise."""
    seen = []

    def key(value: Any) -> str:
        seen.append(value)
        if len(seen) == step.i:
            raise Planned("key")
        return rank(value)

    target.sort(key=key)


def inplace(target: Any, operator: str, operand: Any) -> bool:
    """Apply an in-place operator; the result must be the target itself."""
    return getattr(target, operator)(operand) is target


Op = Callable[[Any, Step], Any]
LIST: dict[str, Op] = {
    "append": lambda t, s: t.append(s.fresh()),
    "insert": lambda t, s: t.insert(s.i, s.fresh()),
    "extend": lambda t, s: t.extend(s.several()),
    "extend itself": lambda t, s: t.extend(t) if len(t) < 20 else None,
    "extend failing": lambda t, s: t.extend(stop_after(s.several())),
    "pop": lambda t, s: t.pop(),
    "pop at": lambda t, s: t.pop(s.i),
    "remove": lambda t, s: t.remove(s.value),
    "clear": lambda t, s: t.clear(),
    "reverse": lambda t, s: t.reverse(),
    "sort": lambda t, s: t.sort(key=rank),
    "sort back": lambda t, s: t.sort(key=rank, reverse=True),
    "sort failing": sort_failing,
    "set": lambda t, s: t.__setitem__(s.i, s.fresh()),
    "del": lambda t, s: t.__delitem__(s.i),
    "set slice": lambda t, s: t.__setitem__(slice(s.i, s.j), s.several()),
    "set slice itself": lambda t, s: t.__setitem__(slice(s.i, s.j), t) if len(t) < 20 else None,
    "set step": lambda t, s: t.__setitem__(slice(s.i, s.j, s.k or None), s.several()),
    "set every other": lambda t, s: t.__setitem__(slice(None, None, 2), range(len(t[::2]))),
    "del slice": lambda t, s: t.__delitem__(slice(s.i, s.j)),
    "del step": lambda t, s: t.__delitem__(slice(s.i, s.j, s.k or None)),
    "+=": lambda t, s: inplace(t, "__iadd__", s.several()),
    "*=": lambda t, s: inplace(t, "__imul__", s.i) if len(t) < 10 else None,
    "rotate": lambda t, s: t.append(t.pop(0)),
    "swap": lambda t, s: (t.__setitem__(s.i, t[s.j]), t.__setitem__(s.j, t[s.i])),
    "set then change": lambda t, s: (t.__setitem__(s.i, [1]), t[s.i].append(s.fresh())),
    "append then change": lambda t, s: (t.append({}), t[-1].update(x=s.fresh())),
    "get": lambda t, s: t[s.i],
    "get slice": lambda t, s: t[s.i : s.j],
    "get step": lambda t, s: t[s.i : s.j : s.k],
    "+": lambda t, s: t + s.several(),
    "*": lambda t, s: t * max(s.i, 0) if len(t) < 10 else None,
    "copy": lambda t, s: t.copy(),
    "count": lambda t, s: t.count(s.value),
    "index": lambda t, s: t.index(s.value),
    "index from": lambda t, s: t.index(s.value, s.i, s.j),
    "in": lambda t, s: s.value in t,
    "reversed": lambda t, s: list(reversed(t)),
    "unpack": lambda t, s: [*t],
    "truth": lambda t, s: bool(t),
    "append walking": lambda t, s: while_walking(t, lambda: t.append(1)),
    "pop walking": lambda t, s: while_walking(t, t.pop),
    "insert walking back": lambda t, s: while_walking(reversed(t), lambda: t.insert(0, 1)),
}
DICT: dict[str, Op] = {
    "set": lambda t, s: t.__setitem__(s.key, s.fresh()),
    "set unhashable": lambda t, s: t.__setitem__([], s.fresh()),
    "del": lambda t, s: t.__delitem__(s.key),
    "get": lambda t, s: t[s.key],
    ".get": lambda t, s: t.get(s.key, s.i),
    "pop": lambda t, s: t.pop(s.key),
    "pop default": lambda t, s: t.pop(s.key, s.i),
    "popitem": lambda t, s: t.popitem(),
    "popitem twice": lambda t, s: (t.popitem(), t.popitem()),
    "clear": lambda t, s: t.clear(),
    "setdefault": lambda t, s: t.setdefault(s.key, s.fresh()),
    "update": lambda t, s: t.update({s.key: s.fresh(), "z": s.i}),
    "update pairs": lambda t, s: t.update([(s.key, s.fresh()), (s.i, 1)], y=2),
    "update failing": lambda t, s: t.update(stop_after([(s.key, s.fresh())])),
    "|=": lambda t, s: inplace(t, "__ior__", {s.key: s.fresh()}),
    "move to end": lambda t, s: t.__setitem__(s.key, t.pop(s.key)),
    "move least": lambda t, s: t.__setitem__(k := min(t, key=rank), t.pop(k)),
    "set then change": lambda t, s: (t.__setitem__(s.key, []), t[s.key].append(s.fresh())),
    "set then replace": lambda t, s: (t.__setitem__(s.key, []), t.__setitem__(s.key, s.fresh())),
    "len": lambda t, s: len(t),
    "in": lambda t, s: s.key in t,
    "keys": lambda t, s: list(t),
    "keys back": lambda t, s: list(reversed(t)),
    "values": lambda t, s: list(t.values()),
    "items": lambda t, s: list(t.items()),
    "items back": lambda t, s: list(reversed(t.items())),
    "common keys": lambda t, s: sorted(t.keys() & {s.name, "a"}),
    "|": lambda t, s: t | {s.key: s.fresh()},
    "r|": lambda t, s: {s.key: s.fresh()} | t,
    "copy": lambda t, s: t.copy(),
    "truth": lambda t, s: bool(t),
    "set walking": lambda t, s: while_walking(t, lambda: t.__setitem__(s.key, 1)),
    "del walking": lambda t, s: while_walking(t.values(), lambda: t.pop(s.key, None)),
}
OBJECT: dict[str, Op] = {
    "set": lambda t, s: setattr(t, s.name, s.fresh()),
    "del": lambda t, s: delattr(t, s.name),
    "get": lambda t, s: getattr(t, s.name),
    "get default": lambda t, s: getattr(t, s.name, s.i),
    "has": lambda t, s: hasattr(t, s.name),
    "fields": lambda t, s: fields_seen(t),
    "set then change": lambda t, s: (setattr(t, s.name, []), getattr(t, s.name).append(s.fresh())),
    "set then del": lambda t, s: (setattr(t, s.name, 1), delattr(t, s.name)),
    "del then set": lambda t, s: (delattr(t, s.name), setattr(t, s.name, s.fresh())),
    "swap": lambda t, s: (setattr(t, "a", t.b), setattr(t, "b", t.a)),
    "class": lambda t, s: (isinstance(t, Plain), type(t.__class__).__name__),
}


def number(target: Any, step: Step) -> Any:
    """An element for memory, which it may refuse: a fraction where it takes any."""
    return step.k / 10 if getattr(target, "typecode", "B") in "fd" else step.k


def like(target: Any, elements: Any) -> Any:
    """New memory of the same type."""
    kind = target.__class__
    return kind(elements) if kind is bytearray else kind(target.typecode, elements)


def numbers_of(target: Any, step: Step) -> list[Any]:
    """Several elements, one of which it may refuse."""
    return [1, 2, number(target, step)][: abs(step.i)]


def turned(target: Any, step: Step) -> Any:
    """Memory of the same type: what a slice takes, back to front."""
    return like(target, reversed(target[step.i : step.j]))


def write_memory(target: Any, step: Step) -> None:
    """Write an element where it lies."""
    with memoryview(target) as shown:
        shown[step.i] = abs(number(target, step))


BYTES: dict[str, Op] = {
    "set": lambda t, s: t.__setitem__(s.i, number(t, s)),
    "set any": lambda t, s: t.__setitem__(s.i, s.fresh()),
    "set several": lambda t, s: [t.__setitem__(i, 7) for i in range(abs(s.i))],
    "append": lambda t, s: t.append(number(t, s)),
    "append any": lambda t, s: t.append(s.fresh()),
    "extend": lambda t, s: t.extend(numbers_of(t, s)),
    "extend itself": lambda t, s: t.extend(t) if len(t) < 20 else None,
    "extend failing": lambda t, s: t.extend(stop_after([1, 2])),
    "insert": lambda t, s: t.insert(s.i, number(t, s)),
    "pop": lambda t, s: t.pop(),
    "pop twice": lambda t, s: (t.pop(), t.pop()),
    "pop at": lambda t, s: t.pop(s.i),
    "pop and append": lambda t, s: t.append(t.pop()),
    "remove": lambda t, s: t.remove(abs(s.i)),
    "reverse": lambda t, s: t.reverse(),
    "del": lambda t, s: t.__delitem__(s.i),
    "del slice": lambda t, s: t.__delitem__(slice(s.i, s.j)),
    "set slice": lambda t, s: t.__setitem__(slice(s.i, s.j), like(t, numbers_of(t, s))),
    "set slice any": lambda t, s: t.__setitem__(slice(s.i, s.j), numbers_of(t, s)),
    "turn slice": lambda t, s: t.__setitem__(slice(s.i, s.j), turned(t, s)),
    "set slice itself": lambda t, s: t.__setitem__(slice(s.i, s.j), t) if len(t) < 20 else None,
    "set step": lambda t, s: t.__setitem__(slice(None, None, 2), t[::2][::-1]),
    "+=": lambda t, s: inplace(t, "__iadd__", like(t, numbers_of(t, s))),
    "+= itself": lambda t, s: inplace(t, "__iadd__", t) if len(t) < 20 else None,
    "+= any": lambda t, s: inplace(t, "__iadd__", numbers_of(t, s)),
    "*=": lambda t, s: inplace(t, "__imul__", s.i) if len(t) < 10 else None,
    "write memory": write_memory,
    "get": lambda t, s: t[s.i],
    "get slice": lambda t, s: t[s.i : s.j],
    "get step": lambda t, s: t[s.i : s.j : s.k],
    "+": lambda t, s: t + t[s.i : s.j],
    "in": lambda t, s: abs(s.i) in t,
    "count": lambda t, s: t.count(abs(s.i)),
    "index": lambda t, s: t.index(abs(s.i)),
    "reversed": lambda t, s: list(reversed(t)),
    "==": lambda t, s: (t == t[:], t == b"", t < t[: s.i]),
    "bytes": lambda t, s: bytes(t),
    "memory": lambda t, s: bytes(memoryview(t)),
    "repr": lambda t, s: repr(t),
    "copy": lambda t, s: copy.copy(t),
    "pickle": lambda t, s: pickle.loads(pickle.dumps(t)),
    "typecode": lambda t, s: (t.__class__.__name__, getattr(t, "typecode", None)),
    "append walking": lambda t, s: while_walking(t, lambda: t.append(1)),
    "pop walking": lambda t, s: while_walking(t, t.pop),
}
# Operations on two places: where, and what is there.
STORE = {"alias": "alias", "copy": "copy", "deepcopy": "deepcopy", "given": "given"}

op_names = st.tuples(
    st.sampled_from([*LIST, *STORE]),
    st.sampled_from([*DICT, *STORE]),
    st.sampled_from([*OBJECT, *STORE]),
    st.sampled_from([*BYTES]),
)
steps = st.builds(
    Step,
    path=st.lists(st.integers(0, 6), max_size=4),
    hand=st.sampled_from([0, 0, 0, 1, 2]),
    ops=op_names,
    i=small,
    j=small,
    k=st.integers(-3, 3),
    key=st.sampled_from(KEYS),
    value=values,
    values=st.lists(scalars, max_size=3) | st.lists(values, max_size=2),
    name=st.sampled_from(NAMES),
)
programs = st.recursive(
    st.lists(steps, min_size=1, max_size=12),
    lambda inner: st.lists(steps | st.builds(Call, inner, st.booleans()), min_size=1, max_size=8),
    max_leaves=3,
)


# ---- running them --------------------------------------------------------------------------------


def places(value: Any) -> list[Any]:
    """The containers and objects directly below a place, through tuples, in order."""
    below = value if isinstance(value, list | tuple) else None
    if below is None:
        below = list(value.values()) if isinstance(value, dict) else fields_seen(value).values()
    found = []
    for each in below:
        if isinstance(each, tuple):
            found += places(each)
        elif isinstance(each, (list, dict, Plain, Data, Slots, *MEMORY)):
            found.append(each)
    return found


def walk(start: Any, path: list[int]) -> Any:
    """The place that a path of choices leads to."""
    for choice in path:
        below = places(start)
        if not below:
            break
        start = below[choice % len(below)]
    return start


def put(target: Any, step: Step, value: Any) -> None:
    """Store a value under the place, in the way of its kind."""
    if isinstance(target, list):
        target.append(value)
    elif isinstance(target, dict):
        target[step.key] = value
    else:
        setattr(target, step.name, value)


def perform(world: Any, ctx: Any, held: list[Any], step: Step) -> Any:
    """Carry out one step; what a program sees of it."""
    start = held[step.hand % len(held)] if step.hand and held else ctx.domain.store
    target = walk(start, step.path)
    held.append(target)
    world.held.append(target)
    kinds = (list, dict, object) if not isinstance(target, MEMORY) else ()
    kind = next((n for n, each in enumerate(kinds) if isinstance(target, each)), 3)
    op = step.ops[kind]
    if op in STORE:
        source = ctx.global_ctx.given if op == "given" else ctx.domain.store
        value = walk(source, [abs(step.i), abs(step.j)])
        if op == "given":
            value = world.stored(value)
        elif op == "deepcopy" or (op == "copy" and not isinstance(value, list | dict)):
            value = copy.deepcopy(value)
        elif op == "copy":
            value = copy.copy(value)
        result: Any = put(target, step, value)
    else:
        result = (LIST, DICT, OBJECT, BYTES)[kind][op](target, step)
    return read(result), read(target, 3)


def interpret(world: Any, ctx: Any, program: list[Any], trace: list[Any]) -> None:
    """Run a program in a process and note everything it sees."""
    held: list[Any] = []
    for step in program:
        try:
            if isinstance(step, Call):
                world.run(lambda inner, step=step: call(world, inner, step, trace))
            else:
                trace.append(perform(world, ctx, held, step))
        except (Planned, *ERRORS) as error:
            trace.append(type(error).__name__)
    trace.append(read(ctx.domain.store, 4))


def call(world: Any, ctx: Any, step: Call, trace: list[Any]) -> None:
    """The body of a process: a program, and perhaps a failure after it."""
    interpret(world, ctx, step.steps, trace)
    if step.fails:
        raise Planned("at the end")


def outcome(make: Any, state: Any, program: Call) -> dict[str, Any]:
    """Everything there is to know about a program run on a copy of a state."""
    store, given = copy.deepcopy(state)
    world = make(store, given)
    known = numbered(world.ctx.global_ctx, store)
    before = fingerprint(store, known)
    keep = [store, given]
    trace: list[Any] = []
    error = None
    try:
        world.run(lambda ctx: call(world, ctx, program, trace))
    except Planned as planned:
        error = str(planned)
    now = fingerprint(keep[0], known), fingerprint(keep[1], known)
    return {"error": error, "trace": trace, "now": now, "untouched": before == now[0]}


def compare(state: Any, program: Call) -> None:
    """Both sides saw the same and left the same."""
    expected, actual = outcome(Twin, state, program), outcome(Theus, state, program)
    for n, (wanted, seen) in enumerate(zip(expected["trace"], actual["trace"], strict=False)):
        assert wanted == seen, f"differs at entry {n} of the trace"
    assert expected == actual
    if program.fails:
        assert actual["untouched"]


@settings(
    max_examples=PROGRAMS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(state=st.tuples(stores, stores), program=st.builds(Call, programs, st.booleans()))
def test_programs(state: Any, program: Call) -> None:
    """A commit equals the twin, a failure equals the state before, every read equals the twin's."""
    compare(state, program)
