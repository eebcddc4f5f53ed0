"""A bytearray or array.array under an output costs what is touched, and is what it is in Python."""

import array
import copy
import math
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from test_threads import LIMIT

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec
from theus.errors import AuditBlockError
from theus.testing import every_commit_point

LARGE = 4_000_000
SMALL = 64 * 1024  # nothing of that size may be copied, of the large ones


class Planned(Exception):
    """The failure that a process raises on purpose."""


class Late:
    """Refuses its assignment at the commit, once other objects are written."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise Planned


@dataclass
class State(BaseDomainContext):
    """Memory, and what stands beside it."""

    x: Any = None
    y: Any = None
    n: int = 0
    late: Late = field(default_factory=Late)


def large(kind: str) -> Any:
    """Memory of some megabytes."""
    return bytearray(LARGE) if kind == "B" else array.array(kind, bytes(LARGE))


def of(x: Any) -> TheusEngine[Any]:
    """An engine whose state has x."""
    return TheusEngine(BaseSystemContext(None, State(x=x)))


def act(engine: TheusEngine[Any], body: Callable[[Any], Any]) -> Any:
    """Run body(domain) as a process that may write everything."""

    @process(inputs=[], outputs=["domain"], errors=[Planned, BufferError, RuntimeWarning])
    def run(ctx: Any) -> Any:
        return body(ctx.domain)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "contract of 'run' changed")
        engine.register_process("run", run)
    return engine.run_process("run")


# ---- cost ----------------------------------------------------------------------------------------


def same_length(x: Any) -> None:
    """Write a slice."""
    x[3:6] = x[6:9]


def append_and_read(x: Any) -> None:
    """Append, and look at it."""
    x.append(1)
    assert (x[-1], len(x[-2:])) == (1, 2)


def add_in_place(x: Any) -> None:
    """Extend in the three ways."""
    x += x[:3]
    x.extend([1, 2])
    x[2] = x[-1]


CHEAP: dict[str, Callable[[Any], Any]] = {
    "set": lambda x: x.__setitem__(7, 8),
    "set from the end": lambda x: x.__setitem__(-7, 8),
    "set and read": lambda x: (x.__setitem__(7, 8), x[7], x[-1], len(x), x[5:9]),
    "slice": same_length,
    "append": append_and_read,
    "pop": lambda x: x.append(x.pop()),
    "del the last": lambda x: x.__delitem__(-1),
    "extend": add_in_place,
    "typecode": lambda x: (x.__setitem__(7, 8), getattr(x, "typecode", "B")),
    "walk": lambda x: (x.__setitem__(7, 8), next(iter(x)), next(reversed(x))),
}


@pytest.mark.parametrize("kind", ["B", "d"])
@pytest.mark.parametrize("what", list(CHEAP))
def test_what_is_touched_is_what_is_copied(kind: str, what: str) -> None:
    """Law: an element, a small part or the end of megabytes costs some bytes, committed or not."""
    with of(large(kind)) as engine, warnings.catch_warnings():
        warnings.simplefilter("error")
        for fail in True, False, True:  # Python's own growth leaves room for the next

            def body(domain: Any, fail: bool = fail) -> None:
                CHEAP[what](domain.x)
                if fail:
                    raise Planned

            if not fail:
                act(engine, body)
            tracemalloc.start()
            try:
                act(engine, body)
            except Planned:
                assert fail
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < SMALL


def test_a_loop_over_all_ends_in_one_copy() -> None:
    """Law: as many elements as a copy is worth make one, which is warned of; so does any search."""
    for body in (
        lambda x: [x.__setitem__(i, 1) for i in range(LARGE // 128)],
        lambda x: (x.__setitem__(0, 1), x.find(b"\1")),
        lambda x: x.insert(0, 1),
    ):
        with of(large("B")) as engine, pytest.warns(RuntimeWarning, match="domain_ctx.x.*copied"):
            act(engine, lambda domain, body=body: body(domain.x))
    with of(large("B")) as engine, warnings.catch_warnings():
        warnings.simplefilter("error")

        def refused(domain: Any) -> None:
            domain.x[1] = 1
            with pytest.raises(RuntimeWarning):
                domain.x.find(b"\1")
            domain.x[2] = 2
            assert copy.deepcopy(domain.x)[:4] == b"\0\1\2\0"

        act(engine, refused)
        assert engine.ctx.domain.x[:4] == b"\0\1\2\0"


# ---- exactness -----------------------------------------------------------------------------------


def test_numbers_keep_their_bits() -> None:
    """Law: an element is rounded as its type rounds it, and -0.0 and a NaN are written."""
    doubles, singles = array.array("d", [0.0, math.nan, 1]), array.array("f", [0.0] * 3)
    with of([doubles, singles]) as engine:

        def body(domain: Any) -> tuple[Any, ...]:
            d, s = domain.x
            d[0] = -0.0
            d[2] = math.nan
            s[1] = 0.1
            s[-1] = 1e-50
            return s[1], s[1:2], copy.copy(s)

        twin = array.array("f", [0, 0.1, 0])
        assert act(engine, body) == (twin[1], twin[1:2], twin)
        assert math.copysign(1, doubles[0]) == -1
        assert math.isnan(doubles[2])
        assert singles == twin


def test_what_is_equal_is_not_written() -> None:
    """Law: a run that leaves every byte as it was writes none, and takes none away."""
    value = bytearray(b"abcd")
    with of(value) as engine, memoryview(value):  # it cannot be resized meanwhile

        def body(domain: Any) -> None:
            domain.x[1] = ord("b")
            domain.x.append(7)
            domain.x.pop()
            domain.x.append(domain.x.pop())
            domain.x[2:4] = b"cd"

        act(engine, body)
        assert value == b"abcd"
        act(engine, lambda domain: domain.x.__setitem__(0, 65))
        assert value == b"Abcd"


def test_a_target_that_cannot_grow_undoes_the_commit() -> None:
    """Law: memory that somebody else shows refuses to grow, and then nothing at all is written."""
    for value, word in (bytearray(b"abcd"), "re-sized"), (array.array("i", [1, 2]), "resize"):
        before = value[:]

        def body(domain: Any) -> None:
            domain.n = 5
            domain.x[0] = 9
            domain.x.append(1)

        with of(value) as engine, memoryview(value), pytest.raises(BufferError, match=word):
            act(engine, body)
        assert (value, engine.ctx.domain.n) == (before, 0)
        with of(value) as engine:
            act(engine, body)
        assert value[1:] == before[1:] + value[-1:]


@pytest.mark.parametrize("kind", [bytearray, lambda it: array.array("h", it)])
def test_every_point_of_a_commit(kind: Callable[[Any], Any]) -> None:
    """Law: wherever a commit fails, every element and the end are as before."""
    value = kind([1, 2, 3, 4])
    with of(value) as engine:
        for fault in every_commit_point(engine):
            with fault, engine.edit() as ctx:
                x = ctx.domain.x
                x[0] = x[1] = 9
                x.pop()
                x.append(8)
                x.append(7)
        assert fault.point > 3
        assert (engine.ctx.domain.x is value, list(value)) == (True, [9, 9, 3, 8, 7])


def test_a_setter_that_fails_later() -> None:
    """Law: user code that raises at the commit takes back what was written before it."""
    value = bytearray(b"abcd")
    with of(value) as engine:

        def body(domain: Any) -> None:
            domain.x[0] = 9
            domain.x += b"more"
            domain.late.x = 1

        with pytest.raises(Planned):
            act(engine, body)
        assert value == b"abcd"


def test_an_index_that_changes_what_it_indexes() -> None:
    """Law: an __index__ or iterator that shrinks the memory loses nothing and reaches nothing."""

    class Shrinking:
        def __init__(self, x: Any, rest: int) -> None:
            self.x, self.rest = x, rest

        def __index__(self) -> int:
            while len(self.x) > self.rest:
                self.x.pop()
            return 5

    def turning(x: Any, how: Callable[[Any], Any]) -> Any:
        how(x)
        yield from (7, 8)

    with of(bytearray(range(9))) as engine:

        def body(domain: Any) -> list[int]:
            x = domain.x
            with pytest.raises(IndexError, match="bytearray index out of range"):
                x[8] = Shrinking(x, 8)
            with pytest.raises(IndexError):
                x[Shrinking(x, 5)]
            x[1:3] = turning(x, lambda x: x.insert(0, 50))
            x[-2:] = turning(x, lambda x: [x.pop() for _ in range(4)])
            x.append(Shrinking(x, 2))
            x.extend(turning(x, lambda x: x.find(b"!")))
            return list(x)

        left = act(engine, body)
        assert left == list(engine.ctx.domain.x)
        assert left[-3:] == [5, 7, 8]


# ---- savepoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_a_savepoint_in_pieces(fails: bool) -> None:
    """Law: an inner process sees the outer one's elements, and takes back only its own."""
    value = bytearray(b"abcdef")
    with of(value) as engine:

        @process(inputs=[], outputs=["domain.x"], errors=[Planned])
        def inner(ctx: Any) -> None:
            x = ctx.domain.x
            assert (x[0], x[-1], x[-2:]) == (1, 9, b"f\t")
            x[0] = x[1] = 7
            x.pop()
            x.pop()
            x.append(8)
            if fails:
                raise Planned

        engine.register_process("inner", inner)

        def outer(domain: Any) -> bytes:
            domain.x[0] = 1
            domain.x.append(9)
            if fails:
                with pytest.raises(Planned):
                    engine.run_process("inner")
            else:
                engine.run_process("inner")
            return bytes(domain.x[:])

        expected = b"\1bcdef\t" if fails else b"\7\7cde\b"
        assert act(engine, outer) == expected
        assert value == expected


def test_memory_that_the_outer_process_took_while_the_inner_one_ran() -> None:
    """Law: a savepoint gives its elements back in the very memory that the outer process shows."""
    value = array.array("i", range(4))
    with of(value) as engine:
        held: list[Any] = []

        @process(inputs=[], outputs=["domain.x"], errors=[Planned])
        def inner(ctx: Any) -> None:
            ctx.domain.x[1] = 50
            held.append(memoryview(held[0]))
            ctx.domain.x[2] = 60
            raise Planned

        engine.register_process("inner", inner)

        def outer(domain: Any) -> list[int]:
            domain.x[0] = 40
            domain.x.append(9)
            held.append(domain.x)
            with pytest.raises(Planned):
                engine.run_process("inner")
            seen = held[1].tolist()
            held[1][3] = 70
            held.clear()
            return seen

        assert act(engine, outer) == [40, 1, 2, 3, 9]
        assert value.tolist() == [40, 1, 2, 70, 9]


# ---- others --------------------------------------------------------------------------------------


def elsewhere(work: Callable[[], Any]) -> None:
    """Do it in another thread, to the end."""
    errors: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


@pytest.mark.parametrize("kind", [bytearray, lambda it: array.array("h", it)])
def test_a_reader_stays_at_its_version(kind: Callable[[Any], Any]) -> None:
    """Law: what only reads goes on in the memory as it was when it first looked."""
    with of(kind([1, 2, 3])) as engine:

        @process(inputs=["domain.x"], outputs=[])
        def read(ctx: Any) -> Any:
            x = ctx.domain.x
            first = x[0]
            elsewhere(lambda: act(engine, lambda domain: (domain.x.append(9), domain.x.pop(0))))
            elsewhere(lambda: act(engine, lambda domain: domain.x.__setitem__(1, 8)))
            return first, x[1], len(x), list(x[1:]), x == kind([1, 2, 3])

        engine.register_process("read", read)
        assert engine.run_process("read") == (1, 2, 3, [2, 3], True)
        assert list(engine.ctx.domain.x) == [2, 8, 9]


def test_two_that_write_one_after_the_other() -> None:
    """Law: of two that change the same memory at once none is lost."""
    with of(bytearray(4)) as engine:
        attempts = []

        def body(domain: Any) -> None:
            attempts.append(1)
            domain.x[0] += 1
            if len(attempts) == 1:
                other = "other"
                elsewhere(lambda: engine.run_process(other))
            domain.x.append(domain.x[0])

        @process(inputs=[], outputs=["domain.x"])
        def other(ctx: Any) -> None:
            ctx.domain.x[0] += 5
            ctx.domain.x.append(77)

        engine.register_process("other", other)
        act(engine, body)
        assert len(attempts) == 2
        assert engine.ctx.domain.x == bytearray([6, 0, 0, 0, 77, 6])


def test_an_alias_and_an_input_show_what_is_pending() -> None:
    """Law: every way to the memory shows the same bytes, those of an input too."""
    value = bytearray(b"abcd")
    engine = TheusEngine(BaseSystemContext(None, State(x=value, y=[value])))
    with engine:

        @process(inputs=["domain.y"], outputs=["domain.x"])
        def run(ctx: Any) -> tuple[Any, ...]:
            x, y = ctx.domain.x, ctx.domain.y[0]
            x[0] = 65
            x += b"!"
            with memoryview(y) as shown:
                return y[0], len(y), y[:], bytes(shown), shown.readonly, y == b"Abcd!"

        engine.register_process("run", run)
        seen = engine.run_process("run")
        assert seen == (65, 5, b"Abcd!", b"Abcd!", True, True)
        assert engine.ctx.domain.y[0] is value


def test_the_audit_judges_what_is_pending() -> None:
    """Law: the output gate sees elements and length as the commit would leave them."""
    rules = [
        RuleSpec("domain.x", "max_len", 4, level="B"),
        RuleSpec("", "check", "domain.x[0] < 50", level="B"),
    ]
    recipe = AuditRecipe({"run": ProcessRecipe("run", output_rules=rules)})
    with TheusEngine(BaseSystemContext(None, State(x=bytearray(4))), audit_recipe=recipe) as engine:
        act(engine, lambda domain: domain.x.__setitem__(0, 49))
        for change in lambda x: x.append(1), lambda x: x.__setitem__(0, 50):
            with pytest.raises(AuditBlockError):
                act(engine, lambda domain, change=change: change(domain.x))
        assert engine.ctx.domain.x == b"1\0\0\0"


def test_listeners_are_told() -> None:
    """Law: the record of a commit names the memory that was written."""
    seen: list[Any] = []
    with of(bytearray(4)) as engine:
        engine.on_commit(lambda commit: seen.extend(each.path for each in commit.writes))
        act(engine, lambda domain: (domain.x.__setitem__(0, 1), domain.x.append(2)))
    assert seen == ["domain_ctx.x", "domain_ctx.x"]


def test_memory_that_shrank_from_outside() -> None:
    """Law: what was cut off behind the kernel's back is an error, and nothing is written."""
    value = bytearray(8)
    with of(value) as engine:

        def body(domain: Any) -> None:
            domain.x[0] = 1
            domain.x[7] = 1
            del value[4:]

        with pytest.raises(Exception, match="bytearray of the context became shorter"):
            act(engine, body)
        assert value == bytes(4)
