"""Rules across fields: what an expression reads, what it refuses, and what it says."""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from theus import (
    AuditBlockError,
    AuditInterlockError,
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ConfigError,
    TheusEngine,
    process,
)
from theus.config import AuditRecipe, ConfigFactory, ProcessRecipe, RuleSpec


class Mode(Enum):
    """A value that no expression computes with."""

    AUTO = "auto"


@dataclass
class Account:
    """An object with a field, a property and something private."""

    balance: int = 10
    tags: list[str] = field(default_factory=list)

    @property
    def double(self) -> int:
        """Twice the balance."""
        return self.balance * 2


@dataclass
class Limits(BaseGlobalContext):
    """Settings."""

    most: int = 100


@dataclass
class Bank(BaseDomainContext):
    """State of every kind that an expression can read."""

    reserves: int = 100
    accounts: dict[str, int] = field(default_factory=lambda: {"alice": 60, "bob": 30})
    owners: list[Account] = field(default_factory=lambda: [Account(), Account(20, ["vip"])])
    tags: set[str] = field(default_factory=lambda: {"a", "b"})
    recent: deque[int] = field(default_factory=lambda: deque([1, 2], 5))
    pair: tuple[int, Any] = (1, "x")
    by_name: OrderedDict[str, Account] = field(
        default_factory=lambda: OrderedDict(alice=Account(7))
    )
    keyed: dict[Any, int] = field(default_factory=lambda: {(1, "a"): 5, 2: 6, None: 7, 1.5: 8})
    name: str = "Bank"
    big: int = 10**30
    price: Decimal = Decimal("1.5")
    mode: Mode = Mode.AUTO
    flag: bool = False
    nothing: Any = None
    heavy_map: Any = None
    sig_go: bool = True


@process(inputs=[], outputs=["domain"])
def work(ctx: Any, amount: Any = 5, body: Callable[[Any], object] | None = None) -> str:
    """Do what the caller says."""
    if body is not None:
        body(ctx)
    return "done"


def check(text: str, level: str = "B", **settings: Any) -> RuleSpec:
    """Say a check."""
    return RuleSpec("", "check", text, level, **settings)


Open = Callable[..., TheusEngine]


@pytest.fixture(name="bank")
def opened() -> Iterator[Open]:
    """Open engines over a bank with rules for one gate; they are closed at the end."""
    engines = []

    def build(gate: str, *rules: RuleSpec, **fields: Any) -> TheusEngine:
        made = ProcessRecipe("work")
        (made.input_rules if gate == "input" else made.output_rules).extend(rules)
        root = BaseSystemContext(Limits(), Bank(**fields))
        engines.append(TheusEngine(root, True, AuditRecipe({"work": made})))
        engines[-1].register_process("work", work)
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


def blocks(engine: TheusEngine, **kwargs: Any) -> bool:
    """Whether a rule of level B refuses the run."""
    try:
        engine.run_process("work", **kwargs)
    except AuditBlockError:
        return True
    return False


RESERVES = "domain.reserves >= sum(domain.accounts.values())"


def test_what_is_judged_is_not_yet_visible(bank: Open) -> None:
    """A check sees pending writes in old and new objects; a refused run leaves no trace."""
    engine = bank("output", check(RESERVES))
    assert not blocks(engine, body=lambda ctx: ctx.domain.accounts.update(carol=10))
    assert blocks(engine, body=lambda ctx: ctx.domain.accounts.update(dave=1))
    assert engine.ctx.domain.accounts == {"alice": 60, "bob": 30, "carol": 10}

    def grow(ctx: Any) -> None:
        ctx.domain.accounts["dave"] = 50
        ctx.domain.reserves = 150

    assert not blocks(engine, body=grow)
    assert engine.ctx.domain.reserves == 150


# Each holds for the state as it is made. An evaluation of the second half finds out what it needs
# only as it goes.
TRUE = [
    RESERVES,
    "domain.accounts['alice'] == 60 and global.most == 100",
    "len(domain.owners) == 2 and len(domain.tags) == 2 and len(domain.recent) == 2",
    "domain.reserves < domain.big and domain.big == 10 ** 30",
    "domain.tags == {'a', 'b'} and sorted(domain.tags) == ['a', 'b']",
    "domain.pair == (1, 'x') and domain.pair[0] == 1 and list(domain.recent) == [1, 2]",
    "domain.name.lower() == 'bank' and domain.name[0] == 'B'",
    "not domain.flag and domain.nothing is None and domain.sig_go",
    "ctx.domain_ctx.reserves <= global_ctx.most",
    "bool(domain.owners) and bool(domain.mode)",
    "all(owner.balance > 0 for owner in domain.owners)",
    "sum(owner.balance for owner in domain.owners) == 30",
    "[owner.double for owner in domain.owners] == [20, 40]",
    "any('vip' in owner.tags for owner in domain.owners)",
    "domain.owners[len(domain.owners) - 1].tags[0] == 'vip'",
    "domain.by_name['alice'].balance == 7",
    "[k for k in domain.by_name] == ['alice']",
    "'alice' in domain.accounts and 'carol' not in domain.accounts",
    "'a' in domain.tags and 1 in domain.recent and 'x' in domain.pair and 'an' in domain.name",
    "(1, 'a') in domain.keyed and None in domain.keyed and 1.5 in domain.keyed",
    "True not in domain.keyed",
    "2.0 in domain.keyed and 10 ** 30 not in domain.keyed and 'b' not in domain.keyed",
    "domain.accounts.get('carol', 0) == 0 and domain.accounts.get('bob') == 30",
    "domain.flag or domain.reserves == 100",
    "max(domain.accounts.values()) == 60 if domain.sig_go else domain.missing",
    "domain.mode.value == 'auto'",
]


@pytest.mark.parametrize("text", TRUE)
@pytest.mark.parametrize("gate", ["input", "output"])
def test_what_an_expression_can_read(bank: Open, gate: str, text: str) -> None:
    """An expression means what it means in Python, of containers and objects of every kind."""
    engine = bank(gate, check(text))
    engine.run_process("work")
    assert blocks(bank(gate, check(f"not ({text})")))
    context = engine.ctx
    names = {"ctx": context, "domain": context.domain_ctx, "global_ctx": context.global_ctx}
    assert eval(text.replace("global.", "global_ctx."), names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("domain.missing > 1", "AttributeError: domain_ctx.missing is missing"),
        ("domain.accounts['carol'] > 1", 'LookupError: domain_ctx.accounts["carol"] is missing'),
        ("domain.owners[9].balance > 1", "AttributeError: domain_ctx.owners[9].balance is missing"),
        ("domain.name > 1", "TypeError: '>' not supported"),
        ("1 / (domain.reserves - 100) > 0", "ZeroDivisionError: division by zero"),
        ("domain.price > 1", "TypeError: a check cannot compute with a Decimal"),
        ("domain.heavy_map > 1", "TypeError: a check cannot compute with a ndarray"),
        ("domain.mode == 'auto' or domain.mode > 1", "TypeError"),
        ("1 in domain.reserves", "TypeError"),
        ("sum(x ** domain.reserves for x in range(10 ** 9)) > 0", "FluxLimitError"),
    ],
)
@pytest.mark.parametrize("gate", ["input", "output"])
def test_what_cannot_be_judged_violates(bank: Open, gate: str, text: str, said: str) -> None:
    """Whatever an evaluation raises is a violation, told in the words of the user."""
    engine = bank(gate, check(text), heavy_map=numpy.zeros(3))
    with pytest.raises(AuditBlockError, match=re.escape(f"{text} cannot be judged: {said}")):
        engine.run_process("work")
    assert engine.version == 0


def test_the_message_is_the_text_of_the_user(bank: Open) -> None:
    """The first line has the expression and what it read; the path is the first it names."""
    engine = bank("output", check(RESERVES), reserves=80)
    with pytest.raises(AuditBlockError) as caught:
        engine.run_process("work")
    assert str(caught.value).startswith(
        f"output audit of process 'work': {RESERVES} is False; domain_ctx.reserves is 80 (level B)"
    )
    assert caught.value.path == "domain_ctx.reserves"
    event = next(iter(engine.audit_log))
    assert (event.condition, event.field, event.value) == ("check", "", "False")
    assert event.limit == repr(RESERVES)
    assert [e.serial for e in engine.audit_log.query(path="domain.accounts")] == [1]
    assert engine.audit_log.query(path="domain.owners") == []
    engine = bank("output", check("domain.owners[0].balance.x > 1"))
    with pytest.raises(AuditBlockError) as caught:
        engine.run_process("work")
    assert str(caught.value).splitlines()[1:3] == [
        "  domain.owners[0].balance.x > 1",
        "                           ^",
    ]
    engine = bank("output", check(RESERVES, message="not enough"), reserves=0)
    with pytest.raises(AuditBlockError, match=r"^not enough"):
        engine.run_process("work")


def test_levels_and_thresholds(bank: Open) -> None:
    """A check has a level and counts like any rule."""
    engine = bank("output", check("domain.reserves > 0", max_threshold=3), reserves=0)
    assert [blocks(engine) for _ in range(6)] == [False, False, True, False, False, True]
    engine = bank("output", check("domain.reserves > 0", "S"), reserves=0)
    with pytest.raises(AuditInterlockError):
        engine.run_process("work")
    with pytest.raises(AuditInterlockError, match="stopped"):
        engine.run_process("work")
    engine = bank("output", check("domain.reserves > 0", "C"), reserves=0)
    assert engine.run_process("work") == "done"
    assert engine.audit_log.total == 1


def test_arguments(bank: Open) -> None:
    """At the input gate a name that is nothing else is an argument, defaults included."""
    engine = bank("input", check("amount * 2 <= domain.reserves"))
    assert not blocks(engine)
    assert not blocks(engine, amount=50)
    assert blocks(engine, amount=51)
    assert blocks(engine, amount="x" * 3)
    engine = bank("input", check("sum(amount['rows'][0]) == 3 and (1, 2) in amount['pairs']"))
    assert not blocks(engine, amount={"rows": [[1, 2], []], "pairs": {(1, 2)}})
    assert blocks(engine, amount={"rows": [[1]], "pairs": {(1, 2)}})
    assert blocks(engine, amount=SimpleNamespace(rows=1))
    engine = bank(
        "input", check("len(amount) == 2 == 1 + len(amount['d']) and amount.get('e') is None")
    )
    assert not blocks(engine, amount={"d": {1: 2}, "x": None})
    assert blocks(engine, amount={"d": {}, "x": None})
    engine = bank("input", check("amuont > 0"))
    with pytest.raises(AuditBlockError, match="there is no argument 'amuont'"):
        engine.run_process("work")
    with pytest.raises(ConfigError, match='there is no name "amount" here'):
        bank("output", check("amount > 0"))


def test_checks_stand_beside_other_rules(bank: Open) -> None:
    """Checks and conditions of one gate are asked together, in their order."""
    many = [RuleSpec(f"domain.accounts.{name}", "min", 0, "C") for name in ("alice", "bob")]
    rules = [check("all(o.balance > 0 for o in domain.owners)", "C"), *many]
    rules += [check(f"domain.reserves != {i}", "C") for i in range(30)]
    rules += [check("any(o.balance > 99 for o in domain.owners)", "C"), check("domain.flag", "C")]
    engine = bank("output", *rules, accounts={"alice": -1, "bob": 1})
    engine.run_process("work")
    assert [event.condition for event in engine.audit_log] == ["min", "check", "check"]
    assert [event.path for event in engine.audit_log] == [
        "domain_ctx.accounts.alice",
        "domain_ctx.owners",
        "domain_ctx.flag",
    ]


def test_a_check_changes_nothing(bank: Open) -> None:
    """What an expression reads runs on a read-only view: a property that writes raises."""

    class Sly:
        @property
        def seen(self) -> int:
            self.count = 1
            return 1

    sly = Sly()
    engine = bank("output", check("domain.nothing.seen == 1"), nothing=sly)
    assert blocks(engine)
    assert not hasattr(sly, "count")


RECIPE = """\
process_recipes:
  _bank:
    outputs:
      - {check: "domain.reserves >= 0", level: B}
      - check: domain.reserves >= sum(domain.accounts.values())
        level: B
  work:
    inherits: _bank
    outputs:
      - {check: domain.reserves >= 0, level: I}
      - check: >
          len(domain.owners) > 0
          and domain.flag == False
"""


def test_a_file_with_checks(bank: Open, tmp_path: Path) -> None:
    """Checks are inherited each by its own text; one of the same text replaces the inherited."""
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    read = ConfigFactory.load_recipe(path)
    assert [(rule.value[:20], rule.level) for rule in read.definitions["work"].output_rules] == [
        ("domain.reserves >= s", "B"),
        ("domain.reserves >= 0", "I"),
        ("len(domain.owners) >", "C"),
    ]
    engine = bank("output", reserves=-1, accounts={"alice": -2})
    engine.reload_audit(read)
    engine.run_process("work")
    assert [event.level for event in engine.audit_log] == ["I"]
    read.definitions["work"].output_rules[0].level = "S"  # now it is what a program built
    engine.reload_audit(read)
    engine.run_process("work")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{check: 'domian.x > 1'}", '4:18: check: there is no name "domian" here; did you mean'),
        ("{check: domain.x >, level: B}", "4:27: check: "),
        ("{check: len(domain.x}", "4:"),
        ("{check: domain.x._y > 1}", "4:"),
        ("{check: __import__('os')}", "4:17: check: __import__() is not in the language"),
        ("{check: 1 < 2}", "4:17: check: this check reads nothing, so it is always the same"),
        ("{check: local.x > 1}", "4:17: check: local belongs to one call of a process"),
        ("{check: 5}", "4:17: an expression, like domain.reserves >= 0, belongs here"),
        ("{check: domain.x, field: domain.y}", "4:34: a check names its fields itself"),
        ("{check: domain.x, max: 5}", '4:27: a check stands alone in a rule; remove "max"'),
        ("{check: domain.x}, {check: domain.x}", "4:29: this rule is given twice"),
        ("{chek: domain.x > 1}", 'did you mean "check"?'),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, rule: str, said: str) -> None:
    """A malformed expression is refused with file, line and column of the very character."""
    path = tmp_path / "recipe.yaml"
    path.write_text(f"process_recipes:\n  work:\n    outputs:\n      [ {rule} ]\n")
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        ConfigFactory.load_recipe(path)
    assert f"{path}:4:" in str(caught.value)


def test_a_mistake_in_a_built_check_names_the_rule() -> None:
    """What a program built has no lines: the rule is named."""
    built = AuditRecipe({"work": ProcessRecipe("work", [], [check("domain.x >")])})
    root = BaseSystemContext(Limits(), Bank())
    with pytest.raises(ConfigError, match="work: output rule 1: check: "):
        TheusEngine(root, True, built)


def test_a_check_in_a_large_state(bank: Open) -> None:
    """Thousands of objects are read in few rounds, and a key is looked up where it lies."""
    engine = bank(
        "output",
        check("all(o.balance >= 0 for o in domain.owners) and 7 in domain.accounts"),
        owners=[Account(i) for i in range(3000)],
        accounts=dict.fromkeys(range(3000), 1),
    )
    assert not blocks(engine)
    assert blocks(engine, body=lambda ctx: setattr(ctx.domain.owners[2999], "balance", -1))
    assert blocks(engine, body=lambda ctx: ctx.domain.accounts.pop(7))


# ---- twin --------------------------------------------------------------------------------------

ATOMS = st.sampled_from(
    [
        "domain.reserves",
        "domain.accounts['alice']",
        "len(domain.owners)",
        "sum(domain.accounts.values())",
        "domain.owners[1].balance",
        "max(o.balance for o in domain.owners)",
        "domain.recent[-1]",
        "0",
        "7",
    ]
)
NUMBERS = st.recursive(
    ATOMS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
    max_leaves=4,
)
TESTS = st.recursive(
    st.builds("{} {} {}".format, NUMBERS, st.sampled_from(["<", "<=", "==", "!=", ">"]), NUMBERS),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not ({})".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=60)
@given(TESTS, st.integers(-3, 3))
def test_twin(text: str, reserves: int) -> None:
    """An expression refuses where, and only where, Python says it is false."""
    assume("domain" in text)  # a check that reads nothing is refused
    state = Bank(reserves=reserves)
    recipe = AuditRecipe({"work": ProcessRecipe("work", [], [check(text)])})
    with TheusEngine(BaseSystemContext(Limits(), state), True, recipe) as engine:
        engine.register_process("work", work)
        assert blocks(engine) != eval(text, {"domain": state})
