"""What fails at every position in turn: user code that raises, and memory that runs out.

After each failure the state is the one before or the one after, and the engine works on.
"""

import subprocess
import sys
import textwrap
from array import array
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, process

try:
    import _testcapi  # type: ignore[import-not-found]
except ImportError:  # not every CPython is built with it
    _testcapi = None


class Fault(Exception):
    """What user code raises when its turn has come."""


class Fuse:
    """Burns at one call out of many."""

    left = -1

    @classmethod
    def burn(cls) -> None:
        if cls.left == 0:
            cls.left = -1
            raise Fault
        cls.left -= 1


class Key:
    """A key whose hash and comparison may fail."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        Fuse.burn()
        return 7

    def __eq__(self, other: object) -> bool:
        Fuse.burn()
        return isinstance(other, Key) and other.number == self.number

    def __lt__(self, other: Any) -> bool:
        Fuse.burn()
        return bool(self.number < other.number)


class Strict:
    """Assigning runs code of the class, at the commit."""

    def __init__(self) -> None:
        self.a: Any = 0
        self.b: Any = 0

    def __setattr__(self, name: str, value: Any) -> None:
        Fuse.burn()
        super().__setattr__(name, value)
        Fuse.burn()

    @property
    def both(self) -> Any:
        Fuse.burn()
        return self.a, self.b

    @both.setter
    def both(self, value: Any) -> None:
        Fuse.burn()
        self.a = value
        self.b = value


FIRST, SECOND = Key(1), Key(2)


@dataclass
class State(BaseDomainContext):
    """Some of each kind."""

    number: int = 0
    mapping: dict[Any, Any] = field(default_factory=lambda: {FIRST: 1, "a": [1]})
    items: list[Any] = field(default_factory=lambda: [FIRST, SECOND, 3])
    unique: set[Any] = field(default_factory=lambda: {FIRST})
    raw: bytearray = field(default_factory=lambda: bytearray(b"abc"))
    samples: "array[float]" = field(default_factory=lambda: array("d", [1, 2, 3]))
    strict: Strict = field(default_factory=Strict)


def shown(state: State) -> list[Any]:
    """The state as text that needs no hash."""
    return [
        state.number,
        [(id(key), repr(value)) for key, value in state.mapping.items()],
        [id(item) if isinstance(item, Key) else item for item in state.items],
        sorted(map(id, state.unique)),
        bytes(state.raw),
        state.samples.tolist(),
        state.strict.a,
        state.strict.b,
    ]


def change(ctx: Any) -> Any:
    """One operation of each sort; each may meet a fault."""
    domain = ctx.domain
    domain.number += 1
    domain.mapping[SECOND] = [2]
    domain.mapping[SECOND].append(3)
    domain.mapping.pop(FIRST)
    domain.mapping[FIRST] = {"again": domain.mapping["a"]}
    domain.mapping.update({"u": 1}, v=2)
    domain.items.extend([4, SECOND])
    domain.items.insert(0, FIRST)
    domain.items.remove(SECOND)
    domain.items[1] = 9
    domain.unique.add(SECOND)
    domain.unique.discard(FIRST)
    domain.unique.add(FIRST)
    domain.raw[0] = 9
    domain.raw.append(domain.raw[-1])
    domain.raw[1:3] = b"xy"
    domain.samples[-1] = 0.5
    domain.samples.pop()
    domain.samples[1] = domain.samples[0] + len(domain.samples[:1])
    domain.samples.insert(0, 7)
    domain.strict.a = 5
    domain.strict.both = 6
    ctx.local.kept = domain.items
    return [domain.mapping["a"], {"k": domain.items}]


def make() -> TheusEngine:
    Fuse.left = -1
    engine = TheusEngine(BaseSystemContext(BaseGlobalContext(), State()), strict_mode=True)

    @process(inputs=[], outputs=["domain"], errors=[Fault, MemoryError])
    def run(ctx: Any) -> Any:
        return change(ctx)

    @process(inputs=[], outputs=["domain"], errors=[Fault, MemoryError])
    def nested(ctx: Any) -> Any:
        ctx.domain.number = 50
        with suppress(Fault, MemoryError):
            engine.run_process("run")
        return ctx.domain.number

    engine.register_process("run", run)
    engine.register_process("nested", nested)
    return engine


def edit(engine: TheusEngine) -> None:
    with engine.edit() as ctx:
        change(ctx)


WAYS: dict[str, Callable[[TheusEngine], object]] = {
    "process": lambda engine: engine.run_process("run"),
    "edit": edit,
    "nested": lambda engine: engine.run_process("nested"),
}


@pytest.mark.parametrize("listening", [False, True])
@pytest.mark.parametrize("way", list(WAYS))
def test_user_code_fails_at_every_call(way: str, listening: bool) -> None:
    """Law: wherever user code raises, the state is before or after."""
    seen = set()
    for position in range(400):
        with make() as engine:
            if listening:
                engine.on_commit(lambda commit: None)
            domain = engine.ctx.domain_ctx
            before = shown(domain)
            Fuse.left = position
            failed = False
            try:
                WAYS[way](engine)
            except Exception:  # a fault, or what became of it
                failed = True
            burnt, Fuse.left = Fuse.left < 0, -1
            if way != "nested":
                assert (shown(domain) == before) == failed, position
            elif failed or domain.number == 50:
                assert shown(domain)[1:] == before[1:], position
            seen.add(failed)
            with engine.edit() as ctx:
                ctx.domain.number = 77
            assert domain.number == 77
        if position and not burnt:
            break
    else:
        pytest.fail("the fuse never outlasted the run")
    assert False in seen


OUT_OF_MEMORY = """
import sys
import _testcapi
sys.path.insert(0, sys.argv[1])
sys.unraisablehook = lambda _: None
import test_faults as t

way, listening = t.WAYS[sys.argv[2]], sys.argv[3] == "1"
calm = 0
for position in range(20000):
    engine = t.make()
    if listening:
        engine.on_commit(id)
    domain = engine.ctx.domain_ctx
    if position % 2:  # with everything cached, and without
        engine.run_process("run")
    before = t.shown(domain)
    failed = False
    _testcapi.set_nomemory(position, position + int(sys.argv[4]))
    try:
        way(engine)
    except BaseException:
        failed = True
    finally:
        _testcapi.remove_mem_hooks()
    if failed and sys.argv[4] == "1":
        after = t.shown(domain)
        assert after == before, (position, before, after)
    with engine.edit() as ctx:
        ctx.domain.number = 77
    assert domain.number == 77, position
    engine.close()
    calm = 0 if failed else calm + 1
    if calm > (400 if sys.argv[2] == "nested" else 20):  # a nested failure is caught there
        break
else:
    sys.exit("never calm")
print(position)
"""


@pytest.mark.skipif(_testcapi is None, reason="this CPython has no _testcapi")
@pytest.mark.parametrize("width", [1, 1000000])
@pytest.mark.parametrize("listening", [0, 1])
@pytest.mark.parametrize("way", list(WAYS))
def test_memory_runs_out_at_every_allocation(way: str, listening: int, width: int) -> None:
    """Law: whichever allocation fails, the state is before or after.

    Where all fail from then on nothing crashes; but undoing half a commit takes memory too.
    """
    command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(OUT_OF_MEMORY)]
    arguments = [str(__file__).rpartition("/")[0], way, str(listening), str(width)]
    done = subprocess.run(
        command + arguments, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]


GROWING = """
import _testcapi
from theus import BaseDomainContext, BaseSystemContext, TheusEngine

for position in range(2000):
    with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
        with engine.edit() as ctx:
            ctx.domain.numbers = {1}
        failed = True
        _testcapi.set_nomemory(position, position + 1)
        try:
            with engine.edit() as ctx:
                ctx.domain.numbers.update(range(1000, 1060))
            failed = False
        except MemoryError:
            pass
        finally:
            _testcapi.remove_mem_hooks()
        assert len(engine.ctx.domain.numbers) == (1 if failed else 61), (position, failed)
    if not failed and position > 300:
        break
else:
    raise SystemExit("never calm")
"""


@pytest.mark.skipif(_testcapi is None, reason="this CPython has no _testcapi")
def test_a_set_that_cannot_grow_keeps_nothing() -> None:
    """Law: CPython refuses an element that the set then has; a commit undoes that one too."""
    command = [sys.executable, "-c", textwrap.dedent(GROWING)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
