"""Conditions of workflows, evaluated in the kernel on the state behind the guard.

``core/flux/testdata/conditions.py`` makes conditions and says what CPython makes of them.
"""

import itertools
import json
import math
import os
import random
import subprocess
import sys
from collections import OrderedDict, deque
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import World
from model import Plain

from theus import ConfigError, FluxLimitError, FrozenInputError, TheusEngine

FOLDER = Path(__file__).parents[2] / "core/flux/testdata"
PAGE = Path(__file__).parents[2] / "docs/flux.md"
DEEP = os.environ.get("THEUS_DEEP") == "1"


def built(node: Any) -> Any:
    """The state of conditions.json, with its objects and sets."""
    if isinstance(node, list):
        return [built(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$set" in node:
        return set(node["$set"])
    fields = {key: built(value) for key, value in node.get("$object", node).items()}
    return Plain(**fields) if "$object" in node else fields


@pytest.fixture(scope="module")
def sample() -> Any:
    """An engine over the state of conditions.json."""
    state = built(json.loads((FOLDER / "conditions.json").read_text(encoding="utf-8")))
    with TheusEngine(state, strict_mode=True) as engine:
        yield engine


@pytest.fixture(autouse=True)
def world() -> None:
    """The engine of the module outlives each test, and its questions with it."""


def value(engine: Any, text: str) -> Any:
    """The value of a condition, as an object."""
    return engine._flux_ask(text).start(0, None, []).drive()


def neighbours(text: str, found: str, want: str) -> bool:
    """Powers of floats are rounded once here; the C library below CPython may miss by one place."""
    try:
        return "**" in text and math.nextafter(float(found), float(want)) == float(want)
    except ValueError:
        return False


@pytest.mark.parametrize("seed", [random.randrange(10**9)])
def test_generated_conditions_like_python(sample: Any, seed: int) -> None:
    """W12: what CPython computes a condition computes, or refuses; where it raises, so does it."""
    command = [
        sys.executable,
        str(FOLDER / "conditions.py"),
        str(100_000 if DEEP else 500),
        str(seed),
    ]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    total = refused = 0
    for line in table.splitlines()[1:]:
        text, _, want = line.partition("\t")
        total += 1
        try:
            found = repr(value(sample, text))
        except Exception:
            refused += not want.startswith("!")
            continue
        assert found == want or neighbours(text, found, want), text
    assert total >= 500
    assert refused * 100 < total * 3, "too much of Python is refused"


def test_the_page_is_true(sample: Any) -> None:
    """Each line of docs/flux.md is what the extension gives, and CPython too."""
    rows = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [each.strip().strip("`") for each in line.replace("\\|", "\0").split("|")]
        if not (line.startswith("| `") and line.endswith("` |") and len(cells) == 4):
            continue
        text, want = (each.replace("\0", "|") for each in cells[1:3])
        rows += 1
        assert repr(value(sample, text)) == want, text
    assert rows > 50
    command = [sys.executable, str(FOLDER / "conditions.py"), "--page", str(PAGE)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def injections() -> list[str]:
    """What people try: the list of the fuzz test, without what Go spells in another way."""
    source = (FOLDER.parent / "fuzz_test.go").read_text(encoding="utf-8")
    listed = source.partition("var injections = []string{")[2].partition("\n}\n")[0]
    found = listed.split("`")[1::2]
    assert len(found) > 90
    return found


@pytest.mark.parametrize("text", injections())
def test_injection(text: str) -> None:
    """W11: a condition reaches nothing but the state, calls nothing but the language, changes
    nothing, and costs no more than a moment."""
    inner = Plain(x=1)
    world = World(
        items=[1, 2], d={"k": 1}, name="Alice", counter=3, rows=[Plain(id=1)], x=inner, _private=1
    )
    before = world.picture()
    with pytest.raises(
        (
            ConfigError,
            FluxLimitError,
            AttributeError,
            TypeError,
            ValueError,
            KeyError,
            LookupError,
            ArithmeticError,
        )
    ):
        world.engine.evaluate_condition(text)
    assert world.picture() == before
    world.engine.close()


TRUTHS: list[tuple[str, bool]] = [
    ("domain.none", False), ("domain.zero", False), ("domain.empty", False), ("domain.nothing", False),
    ("domain.counter", True), ("domain.name", True), ("domain.items", True), ("len(domain.items)", True),
    ("domain.d", True), ("domain", True), ("ctx", True), ("global_ctx.limit == 10", True),
    ("global.limit == ctx.global_ctx.limit == system.global_ctx.limit", True),
    ("domain_ctx.counter == domain.counter == ctx.domain.counter", True), ("0.0", False), ("''", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "want"), TRUTHS)
def test_truth_is_that_of_python(sample: Any, text: str, want: bool) -> None:
    """W12: a result that is no bool is as true as in Python, and every listed name works."""
    assert sample.evaluate_condition(text) is want


@pytest.mark.parametrize(
    ("text", "kind"),
    [("domain.missing", AttributeError), ("domain.d['missing']", KeyError), ("1 / domain.zero", ZeroDivisionError),
     ("domain.items[99]", IndexError), ("domain.counter + 'a'", TypeError), ("domain.none.x", AttributeError),
     ("5 in domain.counter", TypeError), ("int('x')", ValueError), ("domain.items['k']", TypeError),
     ("'ab' * -(10 ** 30)", OverflowError), ("[] * 10 ** 30", OverflowError)],
)  # fmt: skip
def test_an_error_is_an_error(sample: Any, text: str, kind: type[Exception]) -> None:
    """W12: what Python would raise is raised, and never counts as false."""
    with pytest.raises(kind):
        sample.evaluate_condition(text)
    with pytest.raises(kind):
        sample.evaluate_condition(f"not ({text})")


class Colour(Enum):
    """A plain enum."""

    RED = 1


class Level(IntEnum):
    """An enum of numbers."""

    HIGH = 3


class Mode(StrEnum):
    """An enum of texts."""

    FAST = "fast"


KINDS: list[tuple[Any, str, Any]] = [
    (Level.HIGH, "domain.v > 2", True),
    (Mode.FAST, "domain.v == 'fast'", True),
    (Colour.RED, "domain.v is not None", True),
    (np.int64(7), "domain.v + 1", 8),
    (np.float64(0.5), "domain.v * 2", 1.0),
    (np.arange(3), "len(domain.v[0:2]) if False else len([1])", 1),
    (2**100, "domain.v + 1", 2**100 + 1),
    (-(2**64), "domain.v", -(2**64)),
    (b"ab", "len(domain.v)", 2),
    (deque([1, 2, 3], 3), "sum(domain.v)", 6),
    (deque([1, 2, 3]), "domain.v[-1]", 3),
    (OrderedDict(a=1), "domain.v['a']", 1),
    (OrderedDict(a=1), "'b' in domain.v", False),
    (frozenset({1, 2}), "2 in domain.v", True),
    (frozenset({1, 2}), "len(domain.v)", 2),
    ((1, [2]), "domain.v[1][0]", 2),
    ({1: "one", "1": "text"}, "domain.v[1] + domain.v['1']", "onetext"),
    ({(1, 2): 3}, "len(domain.v)", 1),
    ("é\udc80", "domain.v is not None", True),
    (range(3), "[x for x in domain.v]", [0, 1, 2]),
    (Plain(a=Plain(b=[1])), "domain.v.a.b[0]", 1),
    ([Plain(ok=True), Plain(ok=False)], "[r.ok for r in domain.v]", [True, False]),
    ({"k": {"n": [1, 2]}}, "domain.v", {"k": {"n": [1, 2]}}),
    (float("nan"), "domain.v == domain.v", False),
]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("given", "text", "want"), KINDS, ids=[text for _, text, _ in KINDS])
def test_kinds_of_state(given: Any, text: str, want: Any, strict: bool) -> None:
    """Every kind of value that may live in the context is seen as what it is, in both modes."""
    world = World(strict=strict, v=given)
    assert value(world.engine, text) == want
    world.engine.close()


def test_all_zones_are_read() -> None:
    """A condition may look at signals, at META and at HEAVY: it decides, and changes nothing."""
    world = World(sig_go=True, meta_seen=3, heavy_a=np.ones(3), heavy_n=5)
    ask = world.engine.evaluate_condition
    assert ask("domain.sig_go and domain.meta_seen == 3 and domain.heavy_n == 5")
    assert ask("len(domain.heavy_a) == 3 and domain.heavy_a is not None")
    world.engine.close()


@pytest.mark.parametrize(
    "text", ["domain.a", "not domain.a", "domain.a and True", "1 if domain.a else 2", "bool(domain.a)",
             "any(x for x in [domain.a])", "[x for x in [1] if domain.a]", "all(domain.many)"]
)  # fmt: skip
def test_an_array_is_neither_true_nor_false(text: str) -> None:
    """Whoever wants the truth of an array gets numpy's ValueError; who only looks at it does not."""
    world = World(a=np.ones(3), many=[np.ones(2)])
    with pytest.raises(ValueError, match="ambiguous"):
        world.engine.evaluate_condition(text)
    assert world.engine.evaluate_condition("domain.a is not None and len(domain.many) == 1")
    world.engine.close()


class Sly:
    """Its property writes."""

    def __init__(self) -> None:
        self.n = 0

    @property
    def next(self) -> int:
        """Counts, where it may."""
        self.n += 1
        return self.n


def test_a_condition_writes_nothing() -> None:
    """W11: code of the user that a condition runs may read; what it writes is refused."""
    world = World(sly=Sly())
    before = world.picture()
    with pytest.raises(FrozenInputError):
        world.engine.evaluate_condition("domain.sly.next > 0")
    assert world.picture() == before
    world.engine.close()


def test_a_condition_inside_a_process_sees_what_its_caller_may() -> None:
    """A condition that a process asks for is cut with the process' contract, and sees its writes."""
    world = World(open=1, shut=2)

    def body(ctx: Any) -> bool:
        ctx.domain.open = 5
        assert world.engine.evaluate_condition("domain.open == 5")
        return bool(world.engine.evaluate_condition("domain.shut == 2"))

    with pytest.raises(PermissionError, match=r"Illegal Read: 'domain_ctx\.shut'"):
        world.run(body, outputs=["domain.open"])
    assert world.domain.open == 1
    assert world.run(body, outputs=["domain.open"], inputs=["domain.shut"]) is True
    world.engine.close()


def test_errors_show_the_text_and_the_place() -> None:
    """A mistake is pointed at, in the user's own text; so is what is not in the language."""
    world = World(n=1)
    with pytest.raises(ConfigError) as caught:
        world.engine.evaluate_condition("domain.n > 1 &&  domain.n")
    assert str(caught.value).splitlines()[1:] == ["  domain.n > 1 &&  domain.n", "               ^"]
    with pytest.raises(TypeError) as raised:
        world.engine.evaluate_condition("domain.n + 'a' == 3")
    assert str(raised.value).splitlines()[1:] == ["  domain.n + 'a' == 3", "           ^"]
    world.engine.close()


def test_a_generator_without_end_is_refused() -> None:
    """What has no length is read up to a bound."""

    class Endless:
        """Never stops."""

        def __iter__(self) -> Any:
            return itertools.count()

    world = World(e=Endless())
    with pytest.raises(ValueError, match="more than 1000000 items"):
        world.engine.evaluate_condition("sum(domain.e) > 0")
    world.engine.close()
