"""Recipes, through the engine: every condition, level and gate, and what went wrong before."""

import io
import json
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest

from theus import (
    AuditBlockError,
    AuditError,
    AuditInterlockError,
    BaseDomainContext,
    BaseSystemContext,
    ConfigError,
    ContractViolationError,
    TheusEngine,
    TransactionConflictError,
    audit,
    process,
)
from theus.config import AuditRecipe, ConfigFactory, ProcessRecipe, RuleSpec

ROOT = Path(__file__).parents[2]
CONDITIONS: list[tuple[str, Any, list[Any], list[Any]]] = [
    ("min", 0, [0, 1, 0.5, True, Decimal("0.1"), 10**30], [-1, -0.1, None, "1", float("nan"), []]),
    ("max", 10, [10, -1, 9.9, Fraction(19, 2)], [11, 10.1, None, "x", float("nan"), 10**30]),
    ("eq", 5, [5, 5.0, Decimal(5)], [4, "5", None]),
    ("eq", None, [None], [0, ""]),
    ("eq", [1, {"a": 2}], [[1, {"a": 2}]], [[1], [1, {"a": 3}], 1]),
    ("neq", "off", ["on", 1, None], ["off"]),
    ("min_len", 2, ["ab", [1, 2], {1: 1, 2: 2}, {1, 2}], ["a", [], None, 5]),
    ("max_len", 2, ["ab", [], {1}], ["abc", [1, 2, 3], None]),
    ("regex", "^[a-c]+$", ["abc"], ["abd", 5, None]),
    ("in", ["auto", 1, None], ["auto", 1, 1.0, None], ["manual", 2]),
    ("not_in", ["off", 0], ["on", 1, None], ["off", 0, 0.0, False]),
    ("type", "int", [1, True], [1.0, "1", None]),
    ("type", ["float", "NoneType"], [1.0, None], [1]),
    ("not_null", True, [0, "", []], [None]),
    ("finite", True, [1, 1e308, Fraction(1, 3)], [float("inf"), float("nan"), "1", None]),
]
GATES = ("input", "output")


@dataclass
class Bed:
    """A user's object with a method, a property and something private."""

    water: float = 1.0
    _depth: float = 3.0

    def double(self) -> float:
        """Twice the water."""
        return self.water * 2

    def spill(self) -> float:
        """Change the bed, as no rule may."""
        self.water = 0.0
        return self.water

    @property
    def half(self) -> float:
        """Half the water."""
        return self.water / 2


@dataclass
class Garden(BaseDomainContext):
    """The state that is judged."""

    value: Any = None
    other: Any = 0
    beds: dict[str, Bed] = field(default_factory=lambda: {"north": Bed(), "the south": Bed(2.0)})
    recent: deque[int] = field(default_factory=lambda: deque([1, 2, 3]))
    rows: list[Any] = field(default_factory=lambda: [Bed(), Bed(5.0)])
    heavy_map: Any = None
    sig_go: bool = False
    meta_note: str = "x"
    _hidden: int = 7


@process(inputs=[], outputs=["domain"], errors=[KeyError])
def work(ctx: Any, minutes: Any = 5, body: Callable[[Any], object] | None = None) -> str:
    """Do what the caller says."""
    if body is not None:
        body(ctx)
    return "done"


def rule(name: str, condition: str, limit: Any, level: str = "B", **settings: Any) -> RuleSpec:
    """Say a rule, of level B unless said otherwise."""
    return RuleSpec(name, condition, limit, level, **settings)


def recipe(gate: str, *rules: RuleSpec, name: str = "work") -> AuditRecipe:
    """Hold rules for one gate of a process."""
    made = ProcessRecipe(name)
    (made.input_rules if gate == "input" else made.output_rules).extend(rules)
    return AuditRecipe({name: made})


Open = Callable[..., TheusEngine]


@pytest.fixture(name="garden")
def opened() -> Iterator[Open]:
    """Open engines over a garden with rules for one gate; they are closed at the end."""
    engines = []

    def build(gate: str, *rules: RuleSpec, **fields: Any) -> TheusEngine:
        root = BaseSystemContext(None, Garden(**fields))
        engines.append(TheusEngine(root, True, recipe(gate, *rules)))
        engines[-1].register_process("work", work)
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


def put(name: str, value: Any) -> Callable[[Any], None]:
    """Assign a field of the domain."""
    return lambda ctx: setattr(ctx.domain, name, value)


def blocks(engine: TheusEngine, **kwargs: Any) -> bool:
    """Whether a rule of level B refuses the run."""
    try:
        engine.run_process("work", **kwargs)
    except AuditBlockError:
        return True
    return False


# ---- A1, A6: condition x gate x level ----------------------------------------------------------


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda row: f"{row[0]} {row[1]!r}")
def test_conditions(garden: Open, gate: str, condition: tuple[Any, ...]) -> None:
    """A1: a value passes or is refused as Python would compare it, on either side of a process."""
    word, limit, good, bad = condition
    for value in (*good, *bad):
        said = f"{word} {limit!r} of {value!r}"
        engine = garden(gate, rule("domain.value", word, limit), value=value)
        assert blocks(engine) == (value not in good or _is_in(value, bad)), said
        if gate == "input":
            engine = garden(gate, rule("minutes", word, limit))
            assert blocks(engine, minutes=value) == _is_in(value, bad), said


def _is_in(value: Any, values: list[Any]) -> bool:
    return any(each is value for each in values)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("level", ["S", "A", "B", "C", "I"])
def test_levels(garden: Open, gate: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    """A1, A10: each level does what the table says, at both gates, and is heard."""
    engine = garden(gate, rule("domain.value", "max", 5, level), value=9)
    raises = {"S": AuditInterlockError, "A": AuditInterlockError, "B": AuditBlockError}.get(level)
    with caplog.at_level(logging.DEBUG):
        if raises is None:
            assert engine.run_process("work", body=put("other", 1)) == "done"
        else:
            with pytest.raises(raises) as caught:
                engine.run_process("work", body=put("other", 1))
            assert caught.type is raises
            assert caught.value.process == "work"
            assert caught.value.path == "domain_ctx.value"
            assert caught.value.__cause__ is None
    assert engine.ctx.domain.other == (raises is None)
    heard = [record for record in caplog.records if record.name == "POP_AUDIT"]
    wanted = {"C": logging.WARNING, "I": logging.INFO, "S": logging.CRITICAL}
    assert [record.levelno for record in heard] == [wanted.get(level, logging.ERROR)]
    assert (
        heard[0].getMessage().startswith(f"{gate} audit of process 'work': domain_ctx.value is 9")
    )
    assert [(event.level, event.gate) for event in engine.audit_log] == [(level, gate)]


def test_the_logger_of_the_package_hears_too(garden: Open) -> None:
    """A10: who listens to theus.audit, or to theus, gets each event once."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("theus.audit")
    logger.addHandler(handler)
    try:
        garden("output", rule("domain.value", "eq", 1, "C")).run_process("work")
    finally:
        logger.removeHandler(handler)
    assert len(heard) == 1


@pytest.mark.parametrize(
    "name",
    ["domain.nothing", "domain.rows[9]", "domain.beds.west", "domain.nothing()", "domain.rows()",
     "domain.value.x", "nowhere", "domain.beds.*.west", "domain.beds.north.spill()",
     "domain.value.*"],
)  # fmt: skip
@pytest.mark.parametrize("gate", GATES)
def test_what_cannot_be_read_violates(garden: Open, gate: str, name: str) -> None:
    """A6: a path that leads nowhere, or raises, is a violation under every condition."""
    for word, limit, _, _ in CONDITIONS:
        engine = garden(gate, rule(name, word, limit), value=1)
        assert blocks(engine), word
        assert engine.ctx.domain.beds["north"].water == 1.0


def test_absent_and_none_are_two_things(garden: Open) -> None:
    """A3: None is judged like any value; a deleted field is missing."""
    engine = garden("output", rule("domain.value", "eq", None))
    assert not blocks(engine, body=put("value", None))
    engine = garden("output", rule("domain.other", "not_null", True))
    assert blocks(engine, body=put("other", None))
    assert "is None" in list(engine.audit_log)[-1].text


# ---- fields ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain._hidden", 7),
        ("domain.sig_go", False),
        ("domain.meta_note", "x"),
        ("domain_ctx.beds.north.water", 1.0),
        ("domain.beds['the south'].water", 2.0),
        ("domain.beds.north._depth", 3.0),
        ("domain.beds.north.double()", 2.0),
        ("domain.beds.north.half", 0.5),
        ("domain.rows[1].water", 5.0),
        ("domain.recent[-1]", 3),
    ],
)
@pytest.mark.parametrize("gate", GATES)
def test_rules_read_by_the_right_of_the_operator(
    garden: Open, gate: str, name: str, value: Any
) -> None:
    """A8: zones, private names, methods and properties are read, whatever the contract says."""
    assert not blocks(garden(gate, rule(name, "eq", value)))
    assert blocks(garden(gate, rule(name, "neq", value)))


def test_a_rule_cannot_change_anything(garden: Open) -> None:
    """A9: a method that writes raises, which violates, and nothing is changed."""
    for gate in GATES:
        engine = garden(gate, rule("domain.rows.pop()", "not_null", True))
        assert blocks(engine)
        assert len(engine.ctx.domain.rows) == 2
        assert "FrozenInputError" in next(iter(engine.audit_log)).text


def test_wildcards_name_the_place(garden: Open) -> None:
    """A rule holds for each item, and the message names the one that does not."""
    engine = garden("output", rule("domain.beds.*.water", "max", 1.5))
    with pytest.raises(
        AuditBlockError, match=re.escape('domain_ctx.beds["the south"].water is 2.0')
    ):
        engine.run_process("work")
    engine = garden("output", rule("domain.rows[*].water", "max", 4))
    with pytest.raises(AuditBlockError, match=re.escape("domain_ctx.rows[1].water is 5.0")):
        engine.run_process("work")
    assert not blocks(garden("output", rule("domain.value.*", "max", 0), value=[]))


def test_the_output_gate_sees_what_is_pending(garden: Open) -> None:
    """A2: rules look at the resulting state, in new, changed and old objects alike."""
    engine = garden("output", rule("domain.beds.*.double()", "max", 10))
    assert not blocks(engine, body=lambda ctx: setattr(ctx.domain.beds["north"], "water", 5.0))
    assert engine.ctx.domain.beds["north"].water == 5.0
    assert blocks(engine, body=lambda ctx: setattr(ctx.domain.beds["north"], "water", 5.1))
    assert blocks(engine, body=lambda ctx: ctx.domain.beds.update(west=Bed(6.0)))
    assert sorted(engine.ctx.domain.beds) == ["north", "the south"]
    assert not blocks(engine, body=lambda ctx: ctx.domain.beds.clear())


def test_heavy_arrays_are_judged_where_they_lie(garden: Open) -> None:
    """finite, min and max look at each element, of any shape and stride."""
    grid = numpy.arange(10.0).reshape(2, 5)
    for array, lowest in ((grid, 0.0), (grid[:, ::2], 0.0), (grid[::-1, 1:], 1.0), (grid.T, 0.0)):
        rules = rule("domain.heavy_map", "finite", True), rule("domain.heavy_map", "min", lowest)
        assert not blocks(garden("output", *rules, heavy_map=array))
        assert blocks(garden("output", rule("domain.heavy_map", "max", 5), heavy_map=array))
    spoiled = numpy.zeros(1_000_000)
    spoiled[777_777] = numpy.nan
    assert blocks(garden("input", rule("domain.heavy_map", "finite", True), heavy_map=spoiled))
    assert blocks(garden("input", rule("domain.heavy_map", "finite", True), heavy_map=["x"]))
    assert not blocks(garden("input", rule("domain.heavy_map.mean()", "max", 5), heavy_map=grid))
    shape = (
        rule("domain.heavy_map", "shape", [None, 5]),
        rule("domain.heavy_map", "dtype", "float64"),
    )
    assert not blocks(garden("output", *shape, heavy_map=grid))
    assert blocks(garden("output", *shape, heavy_map=grid.astype("float32")))


@pytest.mark.parametrize(
    "kind", ["f2", "f4", "f8", *(f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8))]
)
def test_heavy_arrays_of_every_number_type(garden: Open, kind: str) -> None:
    """nbytes, finite, min and max hold for each float and integer type, strided."""
    array = numpy.arange(6, dtype=kind)[::2]
    holds = (
        ("nbytes", array.nbytes),
        ("finite", True),
        ("min", 0),
        ("max", 4),
        ("dtype", array.dtype.name),
    )
    rules = [rule("domain.heavy_map", condition, limit) for condition, limit in holds]
    assert not blocks(garden("output", *rules, heavy_map=array))
    for condition, limit in (("nbytes", array.nbytes + 1), ("min", 1), ("max", 3)):
        assert blocks(garden("output", rule("domain.heavy_map", condition, limit), heavy_map=array))


# ---- arguments ---------------------------------------------------------------------------------


def test_defaults_are_arguments(garden: Open) -> None:
    """A field is an argument of that name first, and a default is one."""
    engine = garden("input", rule("minutes", "max", 4))
    assert blocks(engine)
    assert not blocks(engine, minutes=3)


def test_arguments_are_bound_before_rules_are_asked(garden: Open) -> None:
    """An argument the process does not take is Python's TypeError, and nothing is judged."""
    engine = garden("input", rule("minutes", "max", 4, "S"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'minuts'"):
        engine.run_process("work", minuts=3)
    assert len(engine.audit_log) == 0

    @process(inputs=[], outputs=[])
    def needs(ctx: Any, minutes: int) -> None:
        """Need an argument."""

    engine.register_process("work", needs)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'minutes'"):
        engine.run_process("work")
    engine.run_process("work", minutes=1)


def test_the_input_gate_comes_before_the_process(garden: Open) -> None:
    """A refused process never ran."""
    ran: list[int] = []
    engine = garden("input", rule("minutes", "max", 4))
    assert blocks(engine, minutes=5, body=lambda ctx: ran.append(1))
    assert ran == []
    assert engine.version == 0


# ---- A4, A7: counting --------------------------------------------------------------------------


def machine() -> list[tuple[int, int, bool, str, str]]:
    """The table of the counter machine, as the tests of the kernel have it."""
    source = (ROOT / "core/audit/counter_test.go").read_text(encoding="utf-8")
    rows = re.findall(r'\{(\d+), (\d+), (true|false), "([vp]+)", "([.cwA]+)"\},', source)
    return [(int(a), int(b), c == "true", runs, want) for a, b, c, runs, want in rows]


@pytest.mark.parametrize("row", machine(), ids=str)
def test_thresholds(garden: Open, row: tuple[int, int, bool, str, str]) -> None:
    """A4: the table of the kernel's tests holds through the engine too."""
    low, high, reset, runs, want = row
    engine = garden(
        "output",
        rule(
            "domain.value", "max", 10, min_threshold=low, max_threshold=high, reset_on_success=reset
        ),
    )
    letters = {"acted": "A", "warned": "w", "counted": "c"}
    got = ""
    for run in runs:
        before = engine.audit_log.total
        acted = blocks(engine, body=put("value", 11 if run == "v" else 10))
        new = engine.audit_log.query(after=before)
        got += letters[new[0].outcome] if new else "."
        assert acted == (got[-1] == "A")
    assert len(machine()) >= 15
    assert got == want


def test_counters_belong_to_one_rule_and_gate(garden: Open) -> None:
    """A7: rules that differ in gate or limit count for themselves; a run counts once per gate."""
    rules = [rule("domain.value", "max", limit, max_threshold=3) for limit in (5, 6)]
    both = ProcessRecipe("work", rules[:1], list(rules))
    engine = garden("output", value=9)
    engine.reload_audit(AuditRecipe({"work": both}))
    assert [blocks(engine) for _ in range(2)] == [False, False]
    assert [event.count for event in engine.audit_log] == [1, 1, 1, 2, 2, 2]
    assert blocks(engine)
    assert [event.gate for event in engine.audit_log.query(outcome="acted")] == ["input"]


def test_counts_survive_a_rollback_and_threads(garden: Open) -> None:
    """A2: each run is one violation, whoever runs it and however it ends."""
    engine = garden("output", rule("domain.value", "eq", 1, "I", max_threshold=1000))

    def some() -> None:
        for _ in range(50):
            engine.run_process("work")

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.audit_log.total == 200
    assert list(engine.audit_log)[-1].count == 200
    assert [event.serial for event in engine.audit_log] == list(range(1, 201))


def test_a_process_that_fails_is_not_judged(garden: Open) -> None:
    """The output gate is asked about what is left, and a failed process leaves nothing."""
    engine = garden("output", rule("domain.value", "eq", 1, "S"))

    def fail(ctx: Any) -> None:
        raise KeyError("declared")

    with pytest.raises(KeyError):
        engine.run_process("work", body=fail)
    assert len(engine.audit_log) == 0


# ---- interlock ---------------------------------------------------------------------------------


def test_the_interlock_stops_all_but_edit(garden: Open) -> None:
    """Level S: nothing runs until somebody resets; the state can be mended meanwhile."""
    engine = garden("output", rule("domain.value", "max", 5, "S", message="too high"), value=1)
    engine.register_process("free", process(inputs=[], outputs=["domain.other"])(_count))
    engine.run_process("free")
    with pytest.raises(AuditInterlockError, match="too high"):
        engine.run_process("work", body=put("value", 9))
    for name in ("work", "free"):
        with pytest.raises(AuditInterlockError, match="stopped: too high"):
            engine.run_process(name)
    with engine.edit() as ctx:
        ctx.domain.value = 2
        with pytest.raises(AuditInterlockError):
            engine.run_process("free")
    engine.reset_interlock()
    assert engine.run_process("free") == 2
    assert engine.run_process("work") == "done"
    engine.reset_interlock()


def _count(ctx: Any) -> int:
    ctx.domain.other += 1
    return int(ctx.domain.other)


def test_a_nested_refusal_reaches_the_outermost_caller(garden: Open) -> None:
    """An audit error of a nested run passes unchanged, and undoes what it does not survive."""
    for level, kind in (
        ("B", AuditBlockError),
        ("A", AuditInterlockError),
        ("S", AuditInterlockError),
    ):
        engine = garden("output", rule("domain.value", "max", 5, level), value=1)
        engine.register_process("outer", process(inputs=[], outputs=["domain"])(_nest))
        with pytest.raises(kind) as caught:
            engine.run_process("outer", engine=engine, forgive=False)
        assert caught.type is kind
        assert engine.ctx.domain.other == 0
        if level == "S":
            engine.reset_interlock()
            with pytest.raises(AuditInterlockError, match="stopped"):
                engine.run_process("outer", engine=engine, forgive=True)
            assert engine.ctx.domain.other == 0
        else:
            engine.run_process("outer", engine=engine, forgive=True)
            assert engine.ctx.domain.other == 1
        assert engine.ctx.domain.value == 1


def _nest(ctx: Any, engine: TheusEngine, forgive: bool) -> None:
    ctx.domain.other = 1
    try:
        engine.run_process("work", body=put("value", 9))
    except AuditError:
        if not forgive:
            raise


def test_a_rule_cannot_run_a_process(garden: Open) -> None:
    """What a rule calls cannot begin a transaction: it would run inside of one that ends."""
    engine = garden("output", rule("domain.value.go()", "not_null", True))

    class Restless:
        def go(self) -> object:
            return engine.run_process("work")

    with engine.edit() as ctx:
        ctx.domain.value = Restless()
    assert blocks(engine)
    assert "TransactionConflictError" in next(iter(engine.audit_log)).text


def test_rules_that_are_replaced_while_they_are_asked(garden: Open) -> None:
    """A rule that replaces the rules is asked again under the new ones, and not for ever."""
    again = recipe("output", rule("domain.value.go()", "not_null", True))
    engine = garden("output", rule("domain.value.go()", "not_null", True))

    class Restless:
        def go(self) -> int:
            engine.reload_audit(again)
            return 1

    with engine.edit() as ctx:
        ctx.domain.value = Restless()
    with pytest.raises(TransactionConflictError, match="again and again"):
        engine.run_process("work", body=put("other", 1))
    assert engine.ctx.domain.other == 0
    again.definitions.clear()
    assert not blocks(engine)


# ---- recipes -----------------------------------------------------------------------------------

YAML = """\
process_recipes:
  _limits:
    outputs: [{field: domain.value, max: 5, level: B}]
  _more: {inherits: _limits}
  work:
    inherits: _more
    inputs: [{field: minutes, in: [1, 2.5, null, x], level: C, threshold: 2, message: hm}]
    side_effects: [valve]
    errors: [TimeoutError]
"""


def test_a_file_is_read_with_what_it_inherits(garden: Open, tmp_path: Path) -> None:
    """A11: rules of templates of templates hold, and the values of a recipe show them."""
    path = tmp_path / "recipe.yaml"
    path.write_text(YAML)
    read = ConfigFactory.load_recipe(path)
    assert read.definitions == {
        "work": ProcessRecipe(
            "work",
            [RuleSpec("minutes", "in", [1, 2.5, None, "x"], "C", 0, 2, True, "hm")],
            [RuleSpec("domain_ctx.value", "max", 5, "B")],
            ["valve"],
            ["TimeoutError"],
        )
    }
    engine = garden("output")
    engine.reload_audit(read)
    assert blocks(engine, body=put("value", 6), minutes=1)
    read.definitions["work"].output_rules[0].value = 7
    engine.reload_audit(read)
    assert not blocks(engine, body=put("value", 6), minutes=1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max: 5", "mx: 5", '3:37: "mx" is no condition or setting of a rule; did you mean "max"?'),
        ("max: 5", "max: '5'", "3:42: max: a number belongs here"),
        ("level: B", "level: D", '3:52: "D" is no level; there are S, A, B, C, I'),
        ("message", "mesage", '7:78: "mesage" is no condition or setting'),
        ("_more: {inherits: _limits}", "_more: {inherits: work}", "a recipe inherits from itself"),
        ("inherits: _more", "inherits: _mor", 'no recipe is called "_mor"; did you mean "_more"?'),
        ("work:", "work: [", "this is no YAML"),
    ],
)
def test_mistakes_have_a_place(garden: Open, tmp_path: Path, old: str, new: str, said: str) -> None:
    """A5, A6, A11: a malformed file is refused with its place, and old rules stay in force."""
    path = tmp_path / "recipe.yaml"
    path.write_text(YAML)
    engine = garden("output")
    engine.reload_audit(ConfigFactory.load_recipe(path))
    path.write_text(YAML.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(said)):
        ConfigFactory.load_recipe(path)
    with pytest.raises(ConfigError, match=re.escape(f"{path}:")):
        engine.reload_audit()
    assert blocks(engine, body=put("value", 6), minutes=1)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        engine.reload_audit()
    assert blocks(engine, body=put("value", 6), minutes=1)


def test_a_built_recipe_names_its_rules() -> None:
    """A5: what a program built is checked too, and the engine does not start."""
    bad = recipe("output", rule("domain.x", "max", 1), rule("domain..x", "mox", object, "B"))
    root = BaseSystemContext(None, Garden())
    with pytest.raises(ConfigError, match="cannot be compared with"):
        TheusEngine(root, True, bad)
    bad.definitions["work"].output_rules[1].value = 1
    with pytest.raises(ConfigError, match='work: output rule 2: "mox" is no condition'):
        TheusEngine(root, True, bad)
    with pytest.raises(TypeError, match="audit_recipe"):
        TheusEngine(root, True, {"work": []})  # type: ignore[arg-type]
    with TheusEngine(root, True) as engine, pytest.raises(ConfigError, match="no audit recipe"):
        engine.reload_audit()


def test_reloading_keeps_counts_and_changes_all_at_once(garden: Open) -> None:
    """A rule that stays goes on counting; runs after the change meet the new rules only."""
    counted = rule("domain.value", "max", 5, max_threshold=3)
    engine = garden("output", counted, value=9)
    assert not blocks(engine)
    engine.reload_audit(recipe("output", counted, rule("domain.other", "not_null", True)))
    assert not blocks(engine)
    assert blocks(engine)
    engine.reload_audit(AuditRecipe())
    assert not blocks(engine)

    def change(ctx: Any) -> None:
        engine.reload_audit(recipe("output", rule("domain.value", "max", 5)))

    assert blocks(engine, body=change)


def test_rules_of_nobody_are_warned_about(garden: Open, caplog: pytest.LogCaptureFixture) -> None:
    """A typo in the name of a process must not mean that nothing is audited."""
    engine = garden("output")
    engine.reload_audit(recipe("output", rule("domain.value", "max", 5), name="wrok"))
    engine.run_process("work")
    engine.run_process("work")
    assert [r.getMessage() for r in caplog.records if r.name == "TheusEngine"] == [
        "the audit recipe has rules for process 'wrok', which does not exist"
    ]


def test_training_mode_judges_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A recipe that has no effect says so, once."""
    rules = recipe("output", rule("domain.value", "eq", 1, "S"))
    with TheusEngine(BaseSystemContext(None, Garden()), False, rules) as engine:
        engine.register_process("work", work)
        for _ in range(2):
            assert engine.run_process("work") == "done"
        assert len(engine.audit_log) == 0
    assert len([r for r in caplog.records if "training mode" in r.getMessage()]) == 1


# ---- the log -----------------------------------------------------------------------------------


def test_the_log_can_be_asked(garden: Open, tmp_path: Path) -> None:
    """Events are found by process, path, level and outcome, and exported line by line."""
    engine = garden(
        "output",
        rule("domain.value", "max", 5, "C"),
        rule("domain.beds.*.water", "max", 1.5, "I"),
        rule("domain.other", "eq", 0, "I", max_threshold=2),
        value=9, other=1,
    )  # fmt: skip
    engine.run_process("work")
    log = engine.audit_log
    assert [event.path for event in log.query(level="I")] == [
        'domain_ctx.beds["the south"].water',
        "domain_ctx.other",
    ]
    assert [event.field for event in log.query(path="domain.beds")] == ["domain_ctx.beds.*.water"]
    assert [event.condition for event in log.query(outcome="counted")] == ["eq"]
    assert log.query(process="other") == []
    assert [event.serial for event in log.query(most=1)] == [3]
    assert [event.serial for event in log.query(after=2)] == [3]
    assert (len(log), log.total, log.lost) == (3, 3, 0)
    with pytest.raises(ValueError, match="no level"):
        log.query(level="X")
    assert log.export(tmp_path / "events.jsonl") == 3
    file = io.StringIO()
    assert log.export(file, after=1) == 2
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert file.getvalue().splitlines() == lines[1:]
    assert [json.loads(line)["serial"] for line in lines] == [1, 2, 3]
    assert json.loads(lines[0])["value"] == "9"
    assert json.loads(lines[0])["limit"] == "5"


def test_an_audit_error_is_no_violation_of_the_contract() -> None:
    """The classes stand beside the contract's, and names that older programs import are there."""
    assert not issubclass(AuditError, ContractViolationError)
    assert audit.AuditBlockError is AuditBlockError
    assert all(hasattr(audit, name) for name in ("AuditPolicy", "AuditTracker", "ContextAuditor"))
    assert audit.__all__ == sorted(audit.__all__)
