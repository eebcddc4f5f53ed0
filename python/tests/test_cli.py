"""The command line, through the real program: what each command does, prints and refuses.

The page about it is executed: a ``console`` block is a session in one folder, from top to bottom.
"""

import dataclasses
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections import deque
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import click
import pytest
from program import python, refused, said, theus

from theus import __version__, build_info
from theus.cli import gen_spec, init_project, inspect_process
from theus.cli._commands import program
from theus.cli._scaffold import TEMPLATES
from theus.config import ConfigFactory
from theus.schema_gen import generate_code_from_schema, generate_schema_from_file


def commands(group: click.Group = program, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command there is, as it is spelled."""
    found = []
    for name, each in group.commands.items():
        found += (
            commands(each, (*above, name)) if isinstance(each, click.Group) else [(*above, name)]
        )
    return found


# ---- the program ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help_has_an_example(command: tuple[str, ...], tmp_path: Path) -> None:
    """--help of each command says what it does and ends with an example of it."""
    text = said(theus(*command, "--help", cwd=tmp_path))
    assert text.startswith(f"Usage: theus {' '.join(command)}")
    assert f"theus {' '.join(command)}" in text.partition("Example")[2]
    assert text.isascii()


def test_three_names_are_one_program(tmp_path: Path) -> None:
    """``theus``, ``python -m theus`` and ``python -m theus.cli`` say the same."""
    told = f"{build_info()}\n"
    assert told.startswith(f"theus {__version__}\n  kernel:    go")
    for module in ("theus", "theus.cli"):
        assert said(python("-m", module, "--version", cwd=tmp_path)) == told
    script = Path(sys.executable).with_name("theus")
    assert said(python(script, "--version", cwd=tmp_path)) == told


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_libraries_one_line(missing: str, tmp_path: Path) -> None:
    """Where click or rich are not installed, one line says what to install."""
    code = f"import sys; sys.modules[{missing!r}] = None; from theus.cli import main; main()"
    error = refused(python("-c", code, cwd=tmp_path))
    assert error == f"theus: the command line needs {missing}: pip install 'theus[cli]'\n"


def test_the_version_needs_no_library(tmp_path: Path) -> None:
    """Which theus it is can be asked where only theus is installed."""
    code = "import sys; sys.modules['click'] = None; from theus.cli import main; main()"
    assert said(python("-c", code, "--version", cwd=tmp_path)) == f"{build_info()}\n"


def test_a_wrong_word(tmp_path: Path) -> None:
    """A command, an option or a choice that does not exist is status 2, with the nearest one."""
    assert "check" in refused(theus("chek", cwd=tmp_path), 2)
    assert "--format" in refused(theus("check", "--formt", "json", cwd=tmp_path), 2)
    assert "sarif" in refused(theus("check", "--format", "sarf", cwd=tmp_path), 2)
    assert "does not exist" in refused(theus("check", "nowhere", cwd=tmp_path), 2)


# ---- init ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_new_project_runs_and_passes(template: str, tmp_path: Path) -> None:
    """Every template runs, passes its own tests, and has nothing that a check would find."""
    text = said(theus("init", "shop", "--template", template, cwd=tmp_path))
    shop = tmp_path / "shop"
    files = {str(path.relative_to(tmp_path)) for path in shop.rglob("*") if path.is_file()}
    assert {f"wrote {name}" for name in files} < set(text.splitlines())
    assert "PROJECT_NAME" not in "".join(path.read_text() for path in shop.rglob("*.*"))
    assert said(theus("check", cwd=shop)).startswith("no findings in ")
    tests = python("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", cwd=shop)
    assert re.search(r"^\d+ passed", said(tests), re.MULTILINE)


def test_init_prints_what_minimal_promises(tmp_path: Path) -> None:
    """The program of the minimal template shows a run, and one that leaves no trace."""
    said(theus("init", "first", "--template", "minimal", cwd=tmp_path))
    assert said(python("main.py", cwd=tmp_path / "first")) == (
        "total: 60\n"
        "refused: 110 is above the limit\n"
        "state: AppDomain(total=60, history=[60])\n"
        "largest: 60\n"
    )


TOLD = """\
commands: start hack crash rollback reset status quit
> machine IDLE, status SUCCESS, count 10, items 1
> HACKING failed: Illegal Write: 'domain_ctx.status' by process 'p_hack' [THEUS-A001]
machine IDLE, status SUCCESS, count 10, items 1
> CRASHING failed: crashed, as declared
machine IDLE, status SUCCESS, count 10, items 1
> ROLLING failed: failed after writing 9999
machine IDLE, status SUCCESS, count 10, items 1
> machine IDLE, status SUCCESS, count 10, items 1
> machine IDLE, status IDLE, count 0, items 0
> there is no 'jump'; commands: start hack crash rollback reset status quit
> """


def test_the_demo_at_a_pipe(tmp_path: Path) -> None:
    """Every command of the demo does what it promises, and quit and the end of input end it."""
    said(theus("init", "demo", cwd=tmp_path))
    commands = "start\nhack\ncrash\nrollback\nstatus\nreset\njump\n"
    for end in ("quit\n", ""):
        done = subprocess.run(
            [sys.executable, "main.py"], cwd=tmp_path / "demo", input=commands + end,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.rstrip("\n") == TOLD


def test_the_demo_at_a_terminal(tmp_path: Path) -> None:
    """At a terminal it prompts, answers each line as it comes, and Ctrl-D ends it."""
    said(theus("init", "demo", cwd=tmp_path))
    ours, theirs = pty.openpty()
    demo = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path / "demo",
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def until(text: str) -> None:
        seen = ""
        while text not in seen:
            assert select.select([ours], [], [], 60)[0], seen
            seen += os.read(ours, 4096).decode()

    until("> ")
    os.write(ours, b"start\n")
    until("count 10, items 1\r\n> ")
    os.write(ours, b"rollback\n")
    until("count 10, items 1\r\n> ")
    os.write(ours, b"\x04")
    assert demo.wait(60) == 0
    os.close(ours)


def test_init_training_runs_in_both_modes(tmp_path: Path) -> None:
    """The program of the training template finds its line with and without the guard."""
    said(theus("init", "line", "--template", "training", cwd=tmp_path))
    for arguments in ([], ["--fast"]):
        assert "y = 3.000 x -1.000" in said(python("main.py", *arguments, cwd=tmp_path / "line"))


def test_init_leaves_what_is_there(tmp_path: Path) -> None:
    """A folder that holds something is refused; with . the files that exist stay byte for byte."""
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "main.py").write_text("mine\n")
    assert "not empty" in refused(theus("init", "shop", cwd=tmp_path))
    said(theus("init", ".", "--template", "minimal", cwd=shop))
    assert (shop / "main.py").read_text() == "mine\n"
    assert (shop / "src" / "context.py").exists()
    assert "everything is there" in said(theus("init", ".", "--template", "minimal", cwd=shop))


@pytest.mark.parametrize("name", ["", "1st", "a b", "-x", "x" + chr(0xE9), "shop/.."])
def test_init_refuses_what_is_no_name(name: str, tmp_path: Path) -> None:
    """A name that no package could have is refused, and nothing is written."""
    done = theus("init", "--template", "minimal", "--", name, cwd=tmp_path)
    assert done.returncode == 1
    assert "name" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_where_a_file_is(tmp_path: Path) -> None:
    """A file of that name is not replaced."""
    (tmp_path / "shop").write_text("x")
    assert "is a file" in refused(theus("init", "shop", cwd=tmp_path))


def test_init_project_is_a_function(tmp_path: Path) -> None:
    """A program can do the same, and gets the files that were written."""
    written = init_project("shop", tmp_path, template="minimal")
    assert tmp_path / "main.py" in written
    assert init_project("shop", tmp_path, template="minimal") == []


# ---- audit ---------------------------------------------------------------------------------------

PROCESSES = """
import nothing_that_is_installed
from theus import process

@process(inputs=[], outputs=["domain.a"], side_effects=["pump"], errors=[TimeoutError, "OSError"])
def water(ctx):
    ctx.domain.a = 1

@process(inputs=["domain.a"], outputs=[])
def look(ctx):
    return ctx.domain.a

def no_process(ctx): ...
"""
RECIPE = """\
# The rules of the garden.   (kept as it is: two  spaces)
process_recipes:
    _limits:   # a template
        outputs: [{field: domain.a, max: 6.0, level: B, message: "too much"}]

    # look comes first, on purpose
    look:
        inherits: _limits
        inputs: [{field: litres, min: 1, max: 3, level: C, threshold: 3, reset_on_success: false}]
        side_effects: [lamp]
        errors: [ValueError]"""


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """A project with two processes, and rules for one of them."""
    (tmp_path / "src" / "processes").mkdir(parents=True)
    (tmp_path / "specs").mkdir()
    (tmp_path / "src" / "processes" / "garden.py").write_text(PROCESSES)
    (tmp_path / "specs" / "audit_recipe.yaml").write_bytes(RECIPE.encode())
    return tmp_path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_gen_spec_appends_and_nothing_else(garden: Path, end: str) -> None:
    """A12: what the file held is still its beginning, byte for byte; a second run adds nothing."""
    recipe = garden / "specs" / "audit_recipe.yaml"
    before = RECIPE.replace("\n", end).encode()
    recipe.write_bytes(before)
    assert said(theus("audit", "gen-spec", cwd=garden)) == "added water\n"
    added = [
        "", "    water:", "        inputs: []", "        outputs: []",
        '        side_effects: ["pump"]', '        errors: ["TimeoutError", "OSError"]', "",
    ]  # fmt: skip
    assert recipe.read_bytes() == before + end.join(added).encode()
    assert "has an entry for every process" in said(theus("audit", "gen-spec", cwd=garden))
    assert recipe.read_bytes() == before + end.join(added).encode()


@pytest.mark.parametrize("before", ["", "# only a comment\n", "process_recipes:\n", None])
def test_gen_spec_begins_a_recipe(garden: Path, before: str | None) -> None:
    """A file that is missing, empty or has no entries gets all of them, and means no rule."""
    recipe = garden / "specs" / "audit_recipe.yaml"
    recipe.unlink()
    if before is not None:
        recipe.write_text(before)
    assert gen_spec(garden) == ["water", "look"]
    assert recipe.read_text().startswith(before or "process_recipes:\n")
    assert said(theus("audit", "inspect", "water", cwd=garden)) == (
        "process water\n  inputs: no rules\n  outputs: no rules\n"
        "  side effects: pump\n  errors: TimeoutError, OSError\n"
    )


@pytest.mark.parametrize("text", ["process_recipes: {}\n", "process_recipes: {look: {}}\n"])
def test_gen_spec_refuses_where_it_cannot_append(garden: Path, text: str) -> None:
    """Where appending would not do, the file stays and the message says what to change."""
    recipe = garden / "specs" / "audit_recipe.yaml"
    recipe.write_text(text)
    assert "move process_recipes to the end" in refused(theus("audit", "gen-spec", cwd=garden))
    assert recipe.read_text() == text


def test_gen_spec_refuses_what_is_malformed(garden: Path) -> None:
    """A recipe or a source that cannot be read is named with its place, and left alone."""
    recipe, source = garden / "specs" / "audit_recipe.yaml", garden / "src/processes/garden.py"
    recipe.write_text("process_recipes: [\n")
    assert "audit_recipe.yaml:" in refused(theus("audit", "gen-spec", cwd=garden))
    assert recipe.read_text() == "process_recipes: [\n"
    source.write_text("def (:\n")
    assert "garden.py:1:5" in refused(theus("audit", "gen-spec", cwd=garden))
    assert "no folder" in refused(theus("audit", "gen-spec", "-C", "specs", cwd=garden))


def test_inspect_shows_what_holds(garden: Path) -> None:
    """The rules of a process with what it inherits, its settings, side effects and errors."""
    assert said(theus("audit", "inspect", "look", cwd=garden)) == (
        "process look\n"
        "  inputs\n"
        "    litres  min 1  level C  acts at violation 3, keeps its count\n"
        "    litres  max 3  level C  acts at violation 3, keeps its count\n"
        "  outputs\n"
        '    domain_ctx.a  max 6.0  level B    "too much"\n'
        "  side effects: lamp\n"
        "  errors: ValueError\n"
    )


def test_inspect_is_a_function(garden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program can do the same."""
    inspect_process("look", garden)
    assert capsys.readouterr().out.startswith("process look\n")


def test_inspect_refuses(garden: Path) -> None:
    """An unknown process gets the nearest name; a missing or malformed recipe is named."""
    assert "did you mean 'look'" in refused(theus("audit", "inspect", "loook", cwd=garden))
    recipe = garden / "specs" / "audit_recipe.yaml"
    recipe.write_text("process_recipes: {look: {inputs: [{field: a, mni: 1}]}}\n")
    assert re.search(
        r"audit_recipe.yaml:1:\d+: .*mni", refused(theus("audit", "inspect", "look", cwd=garden))
    )
    recipe.unlink()
    assert "No such file" in refused(theus("audit", "inspect", "look", cwd=garden))


# ---- settings ------------------------------------------------------------------------------------


def test_places_can_be_set(garden: Path) -> None:
    """[tool.theus] of pyproject.toml says where things are; a wrong word is named."""
    (garden / "rules.yaml").write_text("")
    settings = garden / "pyproject.toml"
    settings.write_text('[tool.theus]\nrecipe = "rules.yaml"\n')
    assert said(theus("audit", "gen-spec", cwd=garden)) == "added water\nadded look\n"
    settings.write_text('[tool.theus]\nrecipes = "rules.yaml"\n')
    assert "recipes" in refused(theus("audit", "gen-spec", cwd=garden))
    settings.write_text("[tool")
    assert "no TOML" in refused(theus("audit", "gen-spec", cwd=garden))


# ---- schema --------------------------------------------------------------------------------------

CONTEXT = """
from __future__ import annotations
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Optional, Union
import torch
from pydantic import BaseModel, Field

class PointCloud: ...

@dataclass
class Point:
    x: float = 0.0
    next: Point | None = None

@dataclass
class AppGlobal:
    constant: ClassVar[int] = 1
    limit: int = 4
    rate: Annotated[float, "per day"] = float("inf")
    name: str = 'a"b # c: {}'

class GardenDomain(BaseModel):
    cloud: PointCloud
    moisture: float
    on: bool = True
    valves: list[int] = Field(default_factory=list)
    rows: "dict[str, int]" = Field(default_factory=lambda: {"a": 1})
    note: str | None = None
    left: Optional[int] = 3
    either: Union[int, str] = 1
    mode: Literal["a", "b"] = "a"
    point: Optional["Point"] = None
    points: dict[str, Point]
    pair: tuple[int, str] = (1, 2)
    tensor: torch.Tensor = None
    late = 3
    _private: int = 1
"""
SCHEMA = r"""context:
  global:
    limit: {type: integer, default: 4}
    rate: {type: float, default: .inf}
    name: {type: string, default: "a\"b # c: {}"}
  domain:
    cloud: {type: any}
    moisture: {type: float}
    "on": {type: boolean, default: true}
    valves: {type: "list[integer]", default: []}
    rows: {type: "dict[string, integer]", default: {"a": 1}}
    note: {type: string, required: false}
    left: {type: integer, required: false, default: 3}
    either: {type: "integer | string", default: 1}
    mode: {type: "Literal['a', 'b']", default: "a"}
    point: {type: Point, required: false}
    points: {type: "dict[string, Point]"}
    pair: {type: tuple, default: [1, 2]}
    tensor: {type: any, default: null}
objects:
  Point:
    x: {type: float, default: 0.0}
    next: {type: Point, required: false}
"""


def test_schema_gen(garden: Path) -> None:
    """A13: types come from annotations; PointCloud is no int, and a default is quoted."""
    (garden / "src" / "context.py").write_text(CONTEXT)
    assert said(theus("schema", "gen", cwd=garden)) == "wrote specs/context_schema.yaml\n"
    assert (garden / "specs" / "context_schema.yaml").read_text() == SCHEMA
    assert "up to date" in said(theus("schema", "gen", cwd=garden))
    assert said(theus("schema", "gen", "--schema-file", "-", cwd=garden)) == SCHEMA


def test_schema_gen_replaces_only_when_told(garden: Path) -> None:
    """A schema that somebody wrote is kept, unless --force."""
    (garden / "src" / "context.py").write_text(CONTEXT)
    schema = garden / "specs" / "context_schema.yaml"
    schema.write_text("# mine\n")
    assert "--force" in refused(theus("schema", "gen", cwd=garden))
    assert schema.read_text() == "# mine\n"
    said(theus("schema", "gen", "--force", cwd=garden))
    assert schema.read_text() == SCHEMA


def test_schema_gen_refuses(garden: Path) -> None:
    """A context that is missing or no Python is named with its place."""
    assert "context.py" in refused(theus("schema", "gen", cwd=garden))
    (garden / "src" / "context.py").write_text("class :\n")
    assert "context.py:1:7" in refused(theus("schema", "gen", cwd=garden))


# ---- run -----------------------------------------------------------------------------------------


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """The minimal project with two workflows."""
    init_project("plant", tmp_path, template="minimal")
    (tmp_path / "w.yaml").write_text(
        "steps:\n  - {flux: while, condition: 'domain.total < 20', do: add}\n"
    )
    (tmp_path / "bad.yaml").write_text("steps: [ad]\n")
    return tmp_path


def test_run(plant: Path) -> None:
    """A workflow runs on a fresh context; the state it leaves is JSON on stdout."""
    state = json.loads(said(theus("run", "w.yaml", "--arg", "amount=7", cwd=plant)))
    assert state == {"global": {"limit": 100}, "domain": {"total": 21, "history": [7, 7, 7]}}
    done = theus("run", "w.yaml", "--arg", "amount=50", "--training", "--progress", cwd=plant)
    assert json.loads(done.stdout)["domain"]["total"] == 50


def test_run_the_demo(tmp_path: Path) -> None:
    """The workflow of the demo runs under its recipe and its schema."""
    init_project("demo", tmp_path)
    state = json.loads(said(theus("run", "workflows/workflow.yaml", cwd=tmp_path)))
    assert state["domain"] == {"status": "SUCCESS", "count": 10, "items": ["item 1"]}
    assert "up to date" in said(theus("schema", "gen", cwd=tmp_path))


def test_run_refuses(plant: Path) -> None:
    """What is wrong with a file, an argument, the context or a step is one message each."""
    assert "bad.yaml:1:9" in refused(theus("run", "bad.yaml", cwd=plant))
    assert "NAME=VALUE" in refused(theus("run", "w.yaml", "--arg", "7", cwd=plant))
    assert "nothing" in refused(theus("run", "w.yaml", "--arg", "nothing=7", cwd=plant))
    assert "is above the limit" in refused(theus("run", "w.yaml", "--arg", "amount=101", cwd=plant))
    wrong = theus("run", "w.yaml", "--context", "src/context.py:Nothing", cwd=plant)
    assert "Nothing" in refused(wrong)
    (plant / "src" / "context.py").write_text("1 / 0\n")
    assert "ZeroDivisionError" in refused(theus("run", "w.yaml", cwd=plant))
    (plant / "src" / "context.py").unlink()
    assert "--context" in refused(theus("run", "w.yaml", cwd=plant))


# ---- viz -----------------------------------------------------------------------------------------

MACHINE = "initial: A\nstates:\n  A: {on: {GO: B}}\n  B: {entry: pump}\n"


def test_viz(tmp_path: Path) -> None:
    """A machine and a workflow become Mermaid; a state can be marked, a file written."""
    (tmp_path / "m.yaml").write_text(MACHINE)
    (tmp_path / "w.yaml").write_text("steps: [pump]\n")
    assert said(theus("viz", "m.yaml", cwd=tmp_path)).startswith("stateDiagram-v2\n")
    assert "class s1 current" in said(theus("viz", "m.yaml", "--current", "B", cwd=tmp_path))
    assert said(theus("viz", "w.yaml", cwd=tmp_path)).startswith("flowchart TD\n")
    assert said(theus("viz", "w.yaml", "-o", "w.mmd", cwd=tmp_path)) == "wrote w.mmd\n"
    assert (tmp_path / "w.mmd").read_text().startswith("flowchart TD\n")


def test_viz_refuses(tmp_path: Path) -> None:
    """A malformed file is named with its place; without graphviz an SVG is one sentence."""
    (tmp_path / "m.yaml").write_text(MACHINE)
    (tmp_path / "bad.yaml").write_text("states: {A: {on: {GO: X}}}\n")
    assert "bad.yaml:1:" in refused(theus("viz", "bad.yaml", cwd=tmp_path))
    assert "Z" in refused(theus("viz", "m.yaml", "--current", "Z", cwd=tmp_path))
    assert "graphviz" in refused(theus("viz", "m.yaml", "-o", "m.svg", cwd=tmp_path, PATH=""))


RICH = """\
context:
  global:
    limit: {type: integer, default: 4}
    rate: {type: float, default: .inf}
  domain:
    mode: {type: "Literal['auto', 'manual']", default: "auto"}
    beds: {type: "dict[string, Bed]", default: {}}
    history: {type: "list[float | none]", required: false}
    pair: {type: "tuple[integer]"}
    when: {type: date, required: false}
    price: {type: Decimal, default: "1.50"}
    since: {type: date, default: "2026-01-31"}
    fixed: {type: "tuple[integer]", default: [1, 2]}
    seen: {type: "set[string]", default: ["a"]}
    queue: {type: deque, default: []}
    note: {type: string, default: "a\\"b # {}"}
    anything: {type: any, default: [1, {"a": null}]}
objects:
  Bed:
    water: {type: float}
    crop: {type: string, required: false, default: "leek"}
    next: {type: Bed, required: false}
"""


def test_schema_and_code_round_trip(garden: Path) -> None:
    """A13: schema to code to schema is the same schema, for every type and default."""
    schema, code = garden / "specs" / "context_schema.yaml", garden / "src" / "context.py"
    schema.write_text(RICH)
    assert said(theus("schema", "code", cwd=garden)) == "wrote src/context.py\n"
    said(theus("schema", "gen", "--force", cwd=garden))
    assert schema.read_text() == RICH
    module = ModuleType("made")
    sys.modules["made"] = module
    try:
        exec(code.read_text(), module.__dict__)
        made = module.__dict__["AppGlobal"]()
        assert (made.limit, made.rate) == (4, float("inf"))
        fields = {field.name for field in dataclasses.fields(module.__dict__["AppDomain"])}
        domain = module.__dict__["AppDomain"](pair=(1,))
        assert (domain.fixed, domain.seen, domain.queue) == ((1, 2), {"a"}, deque())
        assert (domain.price, domain.since) == (Decimal("1.50"), date(2026, 1, 31))
        assert fields == set(ConfigFactory.load_schema(schema).domain_fields)
    finally:
        del sys.modules["made"]
    assert generate_schema_from_file(code)["objects"]["Bed"]["water"] == {"type": "float"}
    assert generate_code_from_schema(schema) == code.read_text()


def test_schema_code_refuses(garden: Path) -> None:
    """A file of somebody's is kept; a malformed schema and a name that Python has not are named."""
    schema, code = garden / "specs" / "context_schema.yaml", garden / "src" / "context.py"
    schema.write_text("domain: {n: {type: integer}}\n")
    code.write_text("mine\n")
    assert "--force" in refused(theus("schema", "code", cwd=garden))
    assert code.read_text() == "mine\n"
    said(theus("schema", "code", "--force", cwd=garden))
    assert "up to date" in said(theus("schema", "code", cwd=garden))
    for text, word in (
        ("domain: {class: {type: integer}}\n", "'class'"),
        ("domain: {n: {tipe: integer}}\n", "context_schema.yaml:1:"),
    ):
        schema.write_text(text)
        assert word in refused(theus("schema", "code", cwd=garden))
    schema.unlink()
    assert "context_schema.yaml" in refused(theus("schema", "code", cwd=garden))
    with pytest.raises(FileNotFoundError):
        generate_code_from_schema(schema)


# ---- the page ------------------------------------------------------------------------------------


def sessions(page: str) -> list[tuple[str, str]]:
    """(command, what it prints) of the console blocks of a page, in order."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], ""))
            else:
                command, before = found[-1]
                found[-1] = (command, f"{before}{line}\n")
    return found


def test_the_page_is_what_happens(tmp_path: Path) -> None:
    """P10: every command of docs/cli.md prints what the page says, in a shell, in this order."""
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    here = tmp_path
    commands = sessions(page)
    assert len(commands) > 8
    for command, promised in commands:
        if command.startswith("cd "):
            here = here / command[3:]
            continue
        done = subprocess.run(
            command, shell=True, cwd=here, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path}, timeout=60,
        )  # fmt: skip
        assert done.stdout + done.stderr == promised, command
