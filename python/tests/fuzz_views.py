"""Random programs with hostile objects: nothing crashes, and no state is left between two states.

    python python/tests/fuzz_views.py [SECONDS] [SEED]

Keys, values, indices, iterators, sort keys, properties and destructors call back at random: they
end edit blocks, start processes, change or drop what is being looked at, collect garbage, or raise.
Meant for ``make test-asan RUN='python/tests/fuzz_views.py 60'``, where a use of freed memory ends
the run. The seed of a round is printed before it fails, and a round of that seed alone repeats it.
"""

# mypy: disable-error-code="func-returns-value,redundant-expr,call-arg,no-untyped-call"

import faulthandler
import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    TheusEngine,
    _kernel,
    plain,
    process,
)

MAX_DEPTH = 4
OPERATIONS = 60


class Mischief(Exception):
    """What hostile code raises."""


class World:
    """One engine, the views that code got hold of, and the dice."""

    def __init__(self, seed: int) -> None:
        global world  # noqa: PLW0603  the hostile objects have no other way to it
        world = self
        self.dice = random.Random(seed)
        self.depth = MAX_DEPTH  # quiet until all is there
        self.views: list[Any] = []
        self.blocks: list[Any] = []
        self.engine = TheusEngine(
            BaseSystemContext(BaseGlobalContext(), Domain()), strict_mode=True
        )
        for name, func in PROCESSES.items():
            self.engine.register_process(name, func)
        if self.dice.random() < 0.3:
            self.engine.on_commit(lambda commit: self.trouble())
        self.depth = 0

    def trouble(self) -> None:
        """What may happen wherever Python code runs."""
        if self.depth >= MAX_DEPTH or self.dice.random() < 0.6:
            return
        self.depth += 1
        try:
            self.dice.choice(TROUBLES)(self)
        finally:
            self.depth -= 1

    def view(self) -> Any:
        """Some view, alive or stale."""
        return self.dice.choice(self.views) if self.views else None

    def value(self) -> Any:
        """Something that may be stored, or not."""
        return self.dice.choice(VALUES)(self)

    def run(self, name: str) -> Any:
        """A process by name, with trouble as its body."""
        return self.engine.run_process(name)


world: World  # of the round that runs


class Key:
    """Hashes alike, so that comparing is always asked."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        world.trouble()
        return 7

    def __eq__(self, other: object) -> bool:
        world.trouble()
        return isinstance(other, Key) and other.number == self.number

    def __repr__(self) -> str:
        world.trouble()
        return f"Key({self.number})"

    def __lt__(self, other: object) -> bool:
        world.trouble()
        return world.dice.random() < 0.5


class Name(str):
    """A str that is not what it seems."""

    __slots__ = ()

    def __hash__(self) -> int:
        world.trouble()
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        world.trouble()
        return str.__eq__(self, other) is True


class Thing:
    """A user's object with a property, a destructor and a method."""

    def __init__(self) -> None:
        self.inner: list[Any] = [1, 2]
        self._hidden = 3

    @property
    def computed(self) -> Any:
        world.trouble()
        return self.inner

    @computed.setter
    def computed(self, value: Any) -> None:
        world.trouble()
        self.inner = value

    def method(self, value: Any) -> Any:
        world.trouble()
        self._hidden = value
        return self

    def __getattr__(self, name: str) -> Any:
        world.trouble()
        raise AttributeError(name)

    def __len__(self) -> int:
        return world.dice.choice([0, 1, -1])

    def __del__(self) -> None:
        with suppress(BaseException):
            world.trouble()


class Strict(Thing):
    """Assigning runs code at commit."""

    def __setattr__(self, name: str, value: Any) -> None:
        world.trouble()
        super().__setattr__(name, value)


class Slotted:
    """No __dict__."""

    __slots__ = ("a", "b")

    def __init__(self) -> None:
        self.a: Any = 1


class Index:
    """An index that calls back."""

    def __index__(self) -> int:
        world.trouble()
        return world.dice.randrange(-3, 4)


def hostile(length: int) -> Iterator[Any]:
    """An iterable that calls back."""
    for _ in range(length):
        world.trouble()
        yield world.value()


@dataclass
class Domain(BaseDomainContext):
    """All kinds of values."""

    number: int = 0
    mapping: dict[Any, Any] = field(default_factory=lambda: {"a": 1, "b": [1], 3: {"x": {}}})
    items: list[Any] = field(default_factory=lambda: [3, [1], {"k": 2}, (1, [2])])
    unique: set[Any] = field(default_factory=lambda: {1, "two"})
    thing: Any = field(default_factory=Thing)
    strict: Any = field(default_factory=Strict)
    slotted: Any = field(default_factory=Slotted)
    heavy_blob: Any = field(default_factory=lambda: bytearray(8))


def body(ctx: Any) -> Any:
    """Looks around, then causes trouble."""
    collect(ctx)
    for _ in range(world.dice.randrange(4)):
        operate()
        world.trouble()
    if world.dice.random() < 0.2:
        raise Mischief
    return world.view() if world.dice.random() < 0.3 else None


@process(inputs=[], outputs=["domain"], errors=[Mischief])
def all_of_it(ctx: Any) -> Any:
    """May write everything."""
    return body(ctx)


@process(inputs=["domain"], outputs=[], errors=[Mischief])
def only_reads(ctx: Any) -> Any:
    """May write nothing."""
    return body(ctx)


@process(inputs=["domain.items"], outputs=["domain.mapping", "domain.thing"], errors=[Mischief])
def some_of_it(ctx: Any) -> Any:
    """May write a part."""
    return body(ctx)


PROCESSES = {"all": all_of_it, "reads": only_reads, "some": some_of_it}


def collect(ctx: Any) -> None:
    """Gets hold of views."""
    world.views.append(ctx)
    for name in ("mapping", "items", "unique", "thing", "strict", "slotted"):
        with suppress(Exception):
            world.views.append(getattr(ctx.domain, name))
    with suppress(Exception):
        world.views.append(ctx.domain)
    if len(world.views) > 60:
        world.dice.shuffle(world.views)
        del world.views[30:]


def open_block(w: World) -> None:
    block = w.engine.edit()
    collect(block.__enter__())
    w.blocks.append(block)


def leave_block(w: World) -> None:
    if w.blocks:
        failed = w.dice.choice([None, None, Mischief])
        w.blocks[-1].__exit__(failed, None, None)
        w.blocks.pop()


def drop_block(w: World) -> None:
    if w.blocks:
        w.blocks.pop(w.dice.randrange(len(w.blocks)))


def in_generator(w: World) -> None:
    def held() -> Iterator[None]:
        with w.engine.edit() as ctx:
            collect(ctx)
            ctx.domain.mapping[Key(9)] = cycle
            yield

    cycle: list[Any] = [held()]
    cycle.append(cycle)
    next(cycle[0])


def stop(_: World) -> None:
    raise Mischief


TROUBLES: list[Callable[[World], Any]] = [
    open_block,
    leave_block,
    leave_block,
    drop_block,
    in_generator,
    lambda w: gc.collect(),
    lambda w: gc.collect(0),
    lambda w: w.run(w.dice.choice(list(PROCESSES))),
    lambda w: w.views.clear(),
    lambda w: operate(),
    lambda w: operate(),
    lambda w: w.view().clear(),
    lambda w: w.engine.close() if w.dice.random() < 0.05 else None,
    stop,
]

VALUES: list[Callable[[World], Any]] = [
    lambda w: w.dice.randrange(5),
    lambda w: w.dice.choice("abc"),
    lambda w: Name("a"),
    lambda w: Key(w.dice.randrange(3)),
    lambda w: [Key(1), [w.view()]],
    lambda w: {"k": w.view(), Key(2): 1},
    lambda w: (w.view(), 1),
    lambda w: {1, Key(1)},
    lambda w: w.view(),
    lambda w: Thing(),
    lambda w: Strict(),
    lambda w: object(),
    lambda w: Index(),
]


def key(w: World) -> Any:
    return w.dice.choice([Key(1), Key(2), "a", "b", "new", Name("b"), 3, 0, Index(), slice(0, 2)])


def attribute(w: World) -> Any:
    names = [
        "number",
        "mapping",
        "items",
        "thing",
        "computed",
        "inner",
        "_hidden",
        "a",
        "b",
        "fresh",
    ]
    name = w.dice.choice([*names, "heavy_blob", "domain", "local", "log", "unique", "strict"])
    return Name(name) if w.dice.random() < 0.2 else name


# Each is one operation on a view; most views refuse most of them.
DEEDS: list[Callable[[Any, World], Any]] = [
    lambda v, w: v[key(w)],
    lambda v, w: v.__setitem__(key(w), w.value()),
    lambda v, w: v.__setitem__(key(w), w.value()),
    lambda v, w: v.__delitem__(key(w)),
    lambda v, w: key(w) in v,
    lambda v, w: v.get(key(w)),
    lambda v, w: v.pop(key(w)),
    lambda v, w: v.pop(),
    lambda v, w: v.popitem(),
    lambda v, w: v.setdefault(key(w), w.value()),
    lambda v, w: v.update({Key(1): w.value(), "u": 2}),
    lambda v, w: v.update((k, w.value()) for k in hostile(2)),
    lambda v, w: v.clear(),
    lambda v, w: v.append(w.value()),
    lambda v, w: v.extend(hostile(3)),
    lambda v, w: v.insert(Index(), w.value()),
    lambda v, w: v.remove(w.value()),
    lambda v, w: v.sort(key=lambda item: (w.trouble(), 0)[1]),
    lambda v, w: v.sort(key=lambda item: Key(1)),
    lambda v, w: v.reverse(),
    lambda v, w: v.index(w.value()),
    lambda v, w: v.count(w.value()),
    lambda v, w: v.__iadd__(hostile(2)),
    lambda v, w: v.__imul__(2) if len(v) < 20 else None,
    lambda v, w: v.add(w.value()),
    lambda v, w: v.discard(w.value()),
    lambda v, w: v.intersection_update(hostile(2)),
    lambda v, w: v | {Key(1), 2},
    lambda v, w: [w.trouble() for _ in v],
    lambda v, w: [w.trouble() for _ in v.items()],
    lambda v, w: exhaust(iter(v), w),
    lambda v, w: exhaust(reversed(v), w),
    lambda v, w: w.views.append(getattr(v, attribute(w))),
    lambda v, w: setattr(v, attribute(w), w.value()),
    lambda v, w: setattr(v, attribute(w), w.value()),
    lambda v, w: delattr(v, attribute(w)),
    lambda v, w: type(v).__getattribute__(v, 5),
    lambda v, w: type(v).__setattr__(v, 5, 5),
    lambda v, w: v.method(w.value()),
    lambda v, w: v.local.__setattr__("x", [v, w.value()]),
    lambda v, w: repr(v),
    lambda v, w: hash(v),
    lambda v, w: len(v),
    lambda v, w: bool(v),
    lambda v, w: v == w.value(),
    lambda v, w: v < w.value(),
    lambda v, w: v + w.value(),
    lambda v, w: plain(v),
    lambda v, w: dir(v),
    lambda v, w: vars(v),
    lambda v, w: v.copy(),
    lambda v, w: v.__deepcopy__({}),
]


def exhaust(it: Iterator[Any], w: World) -> None:
    """Steps through an iterator that other code may step through as well."""
    w.views.append(it)
    for _ in range(6):
        next(it)
        w.trouble()


def operate() -> None:
    """One random operation on one random view."""
    deed = world.dice.choice(DEEDS)
    with suppress(Exception):
        deed(world.view(), world)


def holds_view(value: Any, seen: set[int]) -> bool:
    """Whether a view is left somewhere in plain state."""
    if id(value) in seen:
        return False
    seen.add(id(value))
    if "theus._kernel" in type(value).__module__ and not isinstance(value, _kernel.Engine):
        return hasattr(type(value), "__reduce_ex__") and "stale" not in object.__repr__(value)
    if type(value) in (list, tuple, set):
        return any(holds_view(item, seen) for item in value)
    return type(value) is dict and any(holds_view(item, seen) for item in value.values())


def one_round(seed: int) -> None:
    """One engine, one program."""
    World(seed)
    for _ in range(OPERATIONS):
        with suppress(Exception):
            world.run(world.dice.choice(list(PROCESSES)))
        with suppress(Exception):
            world.dice.choice(TROUBLES)(world)
        operate()
    world.depth = MAX_DEPTH  # quiet from here on
    while world.blocks:
        world.blocks.pop()
    world.views.clear()
    gc.collect()
    vars(world.engine.ctx).clear()  # a committed value may hold a block, which is then still open
    gc.collect()
    _kernel.Engine.close(world.engine)  # the Python layer wants layers, and these may be gone


def main() -> None:
    """Rounds until the time is up."""
    faulthandler.enable()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 30)
    sys.unraisablehook = lambda _: None  # what destructors raise is part of the game
    until, rounds = time.monotonic() + seconds, 0
    while True:
        print(f"\rround of seed {seed + rounds}", end="", file=sys.stderr, flush=True)
        one_round(seed + rounds)
        rounds += 1
        if time.monotonic() >= until:
            break
    globals().pop("world")
    gc.collect()
    left = _kernel.live()
    print(f"\n{rounds} rounds, {left} handles left", file=sys.stderr)
    sys.exit(left != 0)


if __name__ == "__main__":
    main()
