"""theus check: what it finds in processes, recipes and workflows, and what it leaves alone."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from program import said, theus

from theus.cli._check import check
from theus.cli._finding import RULES

HEAD = """\
import a_library_that_is_not_there
from dataclasses import dataclass, field
from theus import BaseDomainContext, BaseGlobalContext, In, Out, Ref, process

LIMITS = ["global.limit"]

class User:
    def __init__(self, name: str):
        self.name = name
        self.visits = 0
    def visit(self):
        self.visits += 1
    def greeting(self):
        return "hello " + self.name

@dataclass
class AppGlobal(BaseGlobalContext):
    limit: int = 3

@dataclass
class AppDomain(BaseDomainContext):
    total: int = 0
    rows: list[int] = field(default_factory=list)
    users: dict[str, User] = field(default_factory=dict)
    owner: User = field(default_factory=lambda: User("ada"))
    meta_note: str = ""
    late: int

"""
LINES = HEAD.count("\n")


def found(tmp_path: Path, source: str, head: str = HEAD) -> list[str]:
    """The findings of a source below the usual context: ``line:column rule``, lines from 1."""
    (tmp_path / "shop.py").write_text(head + source)
    lines = head.count("\n")
    return [f"{e.line - lines}:{e.column} {e.rule}" for e in check([tmp_path]).findings]


CLEAN = {
    "aliases": """
@process(inputs=["domain.users"], outputs=["domain.total", "domain.rows"])
def p(ctx):
    domain = ctx.domain
    rows = domain.rows
    for name, user in domain.users.items():
        rows.append(user.visits)
    domain.total += len([user for user in domain.users.values() if user.name])
""",
    "constants and long spellings": """
@process(LIMITS + ["domain_ctx.rows"], outputs=("domain.total",))
def p(ctx):
    ctx.domain_ctx.total = min(ctx.global_ctx.limit, sum(ctx.domain_ctx.rows[1:]))
""",
    "methods": """
@process(inputs=["domain.owner.visit", "domain.owner.greeting", "domain.owner.name"],
         outputs=["domain.owner.visits"])
def p(ctx):
    ctx.domain.owner.visit()
    return ctx.domain.owner.greeting()
""",
    "functions of the file": """
def add(domain, n):
    domain.total = domain.total + n

@process(inputs=[], outputs=["domain.total"])
def p(ctx):
    add(ctx.domain, n=1)
""",
    "what leaves the file is left alone": """
from elsewhere import help
@process(inputs=["domain.rows", "global.limit"], outputs=["domain.total"])
def p(ctx):
    help(ctx)
""",
    "marks": """
@process
def p(total: Ref["domain.total"], rows: Out["domain.rows"], limit: In["global.limit"]):
    total.value += limit
    rows.append(1)
""",
    "contracts that cannot be read": """
@process(inputs=make(), outputs=["domain.total"])
def p(ctx):
    ctx.domain.total = ctx.domain.rows[0]
""",
    "keys that are not known": """
@process(inputs=["domain.users.ada"], outputs=["domain.rows"])
def p(ctx, name):
    ctx.domain.rows[0] = ctx.domain.users[name].visits
""",
    "meta is read as an output": """
@process(inputs=[], outputs=["domain.meta_note"])
def p(ctx):
    return ctx.domain.meta_note
""",
    "match, with, try, walrus": """
@process(inputs=["domain.rows", "domain.total", "domain.users"], outputs=[])
def p(ctx):
    try:
        match ctx.domain.rows:
            case [first, *_]:
                return first
    finally:
        if (n := ctx.domain.total) > 1:
            ctx.log.info("n", n=n)
    return [u.name for u in sorted(ctx.domain.users.values(), key=lambda u: u.visits)]
""",
    "logging and scratch": """
@process(inputs=[], outputs=[])
def p(ctx):
    ctx.local.x = 1
    ctx.log.info(ctx.local.x)
""",
}


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_said_of_good_code(name: str, tmp_path: Path) -> None:
    """A check never accuses code that keeps its contract."""
    assert found(tmp_path, CLEAN[name]) == []


WRONG = {
    "an undeclared read": (
        """
@process(inputs=["domain.rows"], outputs=[])
def p(ctx):
    return ctx.domain.rows[0] + ctx.domain.total
""",
        ["4:33 undeclared-read"],
    ),
    "an undeclared write, once": (
        """
@process(inputs=["domain.rows"], outputs=[])
def p(ctx):
    ctx.domain.total = 1
    ctx.domain.total = 2
""",
        ["2:18 unused-grant", "4:5 undeclared-write"],
    ),
    "a change of an input": (
        """
@process(inputs=["domain.rows"], outputs=[])
def p(ctx):
    for row in ctx.domain.rows:
        ctx.domain.rows.append(row)
""",
        ["5:9 undeclared-write"],
    ),
    "a method that writes": (
        """
@process(inputs=["domain.owner"], outputs=[])
def p(ctx):
    ctx.domain.owner.visit()
""",
        [f"{12 - LINES}:9 undeclared-write"],
    ),
    "a whole that is only walked through": (
        """
@process(inputs=["domain.users.ada.name"], outputs=[])
def p(ctx):
    name = ctx.domain.users["ada"].name
    return name, len(ctx.domain.users)
""",
        ["5:22 undeclared-read"],
    ),
    "a grant that is never used": (
        """
@process(inputs=["domain.rows", "domain.total"], outputs=[])
def p(ctx):
    return ctx.domain.rows[0]
""",
        ["2:33 unused-grant"],
    ),
    "an output that is never written": (
        """
@process(inputs=[], outputs=["domain.total"])
def p(ctx):
    return ctx.domain.total
""",
        ["2:30 never-written"],
    ),
    "a field that does not exist": (
        """
@process(inputs=["domain.totl", "domain.owner.nam"], outputs=["domain.total"])
def p(ctx):
    ctx.domain.total = ctx.domain.totl + len(ctx.domain.owner.nam)
""",
        ["2:18 unknown-path", "2:33 unknown-path"],
    ),
    "a path that is none": (
        """
@process(inputs=["domain..x", "domain._secret"], outputs=["domain.total"])
def p(ctx):
    ctx.domain.total = 1
""",
        ["2:18 bad-contract", "2:31 bad-contract", "2:31 unknown-path", "2:31 unused-grant"],
    ),
    "a zone that is no input": (
        """
@process(inputs=["domain.meta_note"], outputs=[])
def p(ctx):
    return ctx.domain.meta_note
""",
        ["2:18 bad-contract"],
    ),
    "a marked path that does not exist": (
        """
@process
def p(total: Ref["domain.totl"]):
    total.value = 1
""",
        ["3:18 unknown-path"],
    ),
    "an Out that is only read": (
        """
@process
def p(rows: Out["domain.rows"]):
    return rows[0]
""",
        ["3:17 never-written"],
    ),
    "no Python": ("def p(:\n", ["1:7 bad-source"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_found(name: str, tmp_path: Path) -> None:
    """Each mistake is found where it stands, and nothing else is."""
    source, expected = WRONG[name]
    assert sorted(found(tmp_path, source)) == sorted(expected)


def test_every_rule_that_a_source_can_break_is_broken_here() -> None:
    """No rule about processes is without an example that breaks it."""
    broken = {each.split()[1] for _, expected in WRONG.values() for each in expected}
    assert broken >= {
        "undeclared-read",
        "undeclared-write",
        "unused-grant",
        "never-written",
        "unknown-path",
        "bad-contract",
        "bad-source",
    }
    assert broken <= set(RULES)


def test_what_is_denied_at_run_time_is_found(tmp_path: Path) -> None:
    """The nearest name is in the message, and the fix names the line to write."""
    (tmp_path / "shop.py").write_text(HEAD + WRONG["a field that does not exist"][0])
    first = check([tmp_path]).findings[0]
    assert (first.rule, first.fix) == ("unknown-path", 'write "domain.total"')


RECIPE = """\
process_recipes:
  _shared: {outputs: [{field: domain.total, max: 3}]}
  sell: {inherits: _shared, inputs: [{field: amount, min: 1}]}
  sel:
    outputs: [{field: domain.rows, min_len: 1}]
  buy:
    outputs:
      - {field: domain.totl, min: 0}
      - {field: domain.total, mni: 0}
"""
SHOP = """
@process(inputs=[], outputs=["domain.total"])
def sell(ctx, amount):
    ctx.domain.total += amount

@process(inputs=[], outputs=["domain.total"])
def buy(ctx):
    ctx.domain.total -= 1
"""


def test_recipes_are_held_against_the_processes(tmp_path: Path) -> None:
    """Rules for a process that does not exist, and fields that do not, are found in the file."""
    (tmp_path / "shop.py").write_text(HEAD + SHOP)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    told = [str(each).splitlines()[0] for each in check([tmp_path]).findings]
    assert len(told) == 1
    assert told[0].startswith(f'{recipe}:9:31: bad-recipe: "mni" is no condition')
    recipe.write_text(RECIPE.replace("mni", "min"))
    places = [(each.line, each.column, each.rule) for each in check([tmp_path]).findings]
    assert places == [(4, 3, "unknown-process"), (8, 24, "unknown-path")]


# ---- schemas -------------------------------------------------------------------------------------

SCHEMA = "domain:\n  total: {type: integer}\n  totl: {type: integer}\n  rows: {tipe: list}\n"


def test_schemas_are_held_against_the_classes(tmp_path: Path) -> None:
    """A malformed schema is found, and a field that no class has."""
    (tmp_path / "shop.py").write_text(HEAD)
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    told = [f"{e.line}:{e.column} {e.rule}" for e in check([tmp_path]).findings]
    assert told == ["4:10 bad-schema"]
    (tmp_path / "schema.yaml").write_text(SCHEMA.replace("tipe", "type"))
    told = [f"{e.line}:{e.column} {e.rule}" for e in check([tmp_path]).findings]
    assert told == ["3:3 unknown-path"]


def test_a_schema_stands_for_classes(tmp_path: Path) -> None:
    """Where there is no class of a context, paths are held against the schema."""
    source = (
        'from theus import process\n@process(inputs=["domain.totl"], outputs=[])\n'
        "def p(ctx):\n    return ctx.domain.totl\n"
    )
    (tmp_path / "schema.yaml").write_text("domain:\n  total: {type: integer}\n")
    assert found(tmp_path, source, head="") == ["2:18 unknown-path"]


# ---- the program ---------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a source that has two mistakes, and a test that is not looked at."""
    (tmp_path / "a shop").mkdir()
    (tmp_path / "a shop" / "shop.py").write_text(HEAD + WRONG["an undeclared write, once"][0])
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_shop.py").write_text("def (:")
    return tmp_path


def test_the_status_says_whether_something_was_found(shop: Path) -> None:
    """1 with findings, each as file:line:column with its rule and a fix; 0 without any."""
    text = said(theus("check", cwd=shop), 1)
    lines = text.splitlines()
    assert lines[:2] == [
        f"a shop/shop.py:{LINES + 2}:18: unused-grant: process 'p' never touches domain_ctx.rows",
        '    fix: remove "domain.rows" from the inputs',
    ]
    assert lines[-1] == "2 findings in 1 file"
    (shop / "a shop" / "shop.py").write_text(HEAD)
    assert said(theus("check", cwd=shop)) == "no findings in 1 file\n"


def test_json(shop: Path) -> None:
    """--format json is a list of objects, and nothing else is on stdout."""
    told = json.loads(said(theus("check", "--format", "json", cwd=shop), 1))
    assert [each["rule"] for each in told] == ["unused-grant", "undeclared-write"]
    assert set(told[0]) == {"file", "line", "column", "rule", "message", "fix"}
    (shop / "a shop" / "shop.py").write_text(HEAD)
    assert json.loads(said(theus("check", "--format", "json", cwd=shop))) == []


def test_sarif(shop: Path) -> None:
    """--format sarif is valid against the schema of SARIF 2.1.0, with findings and without."""
    schema = Path(__file__).parent / "testdata" / "sarif-schema-2.1.0.json"
    validator = Draft4Validator(json.loads(schema.read_text()))
    told = json.loads(said(theus("check", "--format", "sarif", cwd=shop), 1))
    validator.validate(told)
    (run,) = told["runs"]
    first = run["results"][0]["locations"][0]["physicalLocation"]
    assert first == {
        "artifactLocation": {"uri": "a%20shop/shop.py"},
        "region": {"startLine": LINES + 2, "startColumn": 18},
    }
    assert {each["id"] for each in run["tool"]["driver"]["rules"]} == {
        "undeclared-write", "unused-grant",
    }  # fmt: skip
    (shop / "a shop" / "shop.py").write_text(HEAD)
    clean = json.loads(said(theus("check", "--format", "sarif", cwd=shop)))
    validator.validate(clean)
    assert clean["runs"][0]["results"] == []


def test_colours_are_for_terminals(shop: Path) -> None:
    """What is piped is bare text; who forces colours gets them."""
    assert "\x1b" not in said(theus("check", cwd=shop), 1)
    assert "\x1b[" in said(theus("check", cwd=shop, FORCE_COLOR="1", TERM="xterm"), 1)


def test_a_file_can_be_named(shop: Path) -> None:
    """A path that is given is looked at, a test as well."""
    text = said(theus("check", "tests/test_shop.py", cwd=shop), 1)
    assert text.startswith("tests/test_shop.py:1:5: bad-source: ")


# ---- workflows and machines ----------------------------------------------------------------------

STEPS = """
@process(inputs=[], outputs=["domain.late"])
def fill(ctx):
    ctx.domain.late = 1

@process(inputs=["domain.late"], outputs=["domain.total"])
def spend(ctx, most=1):
    ctx.domain.total += min(ctx.domain.late, most)

@process(inputs=["domain.rows"], outputs=[])
def look(ctx):
    return ctx.domain.rows[0]

@process(inputs=[], outputs=["domain.total"])
def tick(ctx):
    ctx.domain.total += 1
"""
WORKFLOWS = {
    "in order": ("steps: [fill, spend]\n", []),
    "in the wrong order": ("steps:\n  - spend\n  - fill\n", ["2:5 read-before-write"]),
    "in one branch only": (
        "steps:\n  - {flux: if, condition: 'domain.total > 1', then: [fill]}\n  - spend\n",
        ["3:5 read-before-write"],
    ),
    "in both branches": (
        "steps:\n  - {flux: if, condition: domain.total, then: [fill], else: [fill]}\n  - spend\n",
        [],
    ),
    "in a loop that may not run": (
        "steps:\n  - {flux: while, condition: 'domain.total < 3', do: [fill, tick]}\n  - spend\n",
        ["3:5 read-before-write"],
    ),
    "an unknown process": ("steps:\n  - fil\n", ["2:5 unknown-process"]),
    "a malformed step": ("steps:\n  - {flux: whle, do: [fill]}\n", ["2:12 bad-workflow"]),
    "side by side": ("steps:\n  - {flux: parallel, branches: [[fill], [tick], [look]]}\n", []),
    "two writers side by side": (
        "steps:\n  - flux: parallel\n    branches:\n      - [fill, tick]\n      - spend\n",
        ["5:9 parallel-conflict", "5:9 parallel-conflict", "5:9 read-before-write"],
    ),
    "a machine": ("initial: A\nstates:\n  A: {entry: [fill, tick], on: {GO: B}}\n  B: {}\n", []),
    "a state that nothing leads to": (
        "initial: A\nstates:\n  A: {on: {GO: B}}\n  B: {}\n  C: {entry: fill}\n",
        ["5:3 unreachable-state"],
    ),
    "an unknown process in a machine": (
        "initial: A\nstates:\n  A: {entry: [fil]}\n",
        ["3:15 unknown-process"],
    ),
    "an unknown target": ("initial: A\nstates:\n  A: {on: {GO: X}}\n", ["3:16 bad-machine"]),
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_and_machines(name: str, tmp_path: Path) -> None:
    """What a workflow or a machine says is held against the processes, with its place."""
    text, expected = WORKFLOWS[name]
    (tmp_path / "shop.py").write_text(HEAD + STEPS)
    (tmp_path / "flow.yaml").write_text(text)
    told = [f"{e.line}:{e.column} {e.rule}" for e in check([tmp_path]).findings]
    assert told == expected


def test_a_line_can_be_left_out(tmp_path: Path) -> None:
    """A comment names the rules that its line may break; without names all of them."""
    source = WRONG["an undeclared read"][0]
    line = "    return ctx.domain.rows[0] + ctx.domain.total"
    for comment, expected in (
        ("  # theus: ignore", []),
        ("  # theus: ignore[undeclared-read, unused-grant]", []),
        ("  # theus: ignore[unused-grant]", ["4:33 undeclared-read"]),
    ):
        assert found(tmp_path, source.replace(line, line + comment)) == expected
