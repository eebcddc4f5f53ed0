"""The commands of the command line: how they are called. What they do is written elsewhere."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from theus._build import build_info
from theus.cli import _check, _finding, _learning, _running, _scaffold, _specs
from theus.cli._project import Project
from theus.errors import TheusError
from theus.schema_gen import generate_code_from_schema, generate_schema_from_file, schema_text
from theus.viz import DrawingError, draw


@contextmanager
def _told() -> Iterator[None]:
    """A mistake of the user is a sentence on stderr and the status 1, never a traceback."""
    try:
        yield
    except (TheusError, DrawingError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else ""
        text = f"{named}: {error.strerror}" if named and error.strerror else str(error)
        raise click.ClickException(text) from error


class _Command(click.Command):
    """A command whose help ends with an example, and whose mistakes are told."""

    def __init__(self, *args: Any, example: str = "", **given: Any) -> None:
        super().__init__(*args, **given)
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.example:
            with formatter.section("Example"):
                for line in self.example.splitlines():
                    formatter.write_text(line)

    def invoke(self, ctx: click.Context) -> Any:
        with _told():
            return super().invoke(ctx)


class _Group(click.Group):
    """A group of such commands, listed as they stand here; a wrong name gets the nearest one."""

    command_class = _Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_in = click.option(
    "-C", "--directory", type=_FOLDER, default=None, help="Folder of the project; the current one."
)


def _version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(build_info())
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version, and how its kernel was built.",
)
def program() -> None:
    """Theus: processes on shared state, each held to what it declares.

    theus init demo, then cd demo and python main.py, is the way to begin.
    """


@program.command(example="theus init shop --template training\ncd shop && python main.py")
@click.argument("name")
@click.option(
    "--template",
    type=click.Choice(list(_scaffold.TEMPLATES)),
    default="agent",
    show_default=True,
    help="; ".join(f"{name}: {what}" for name, what in _scaffold.TEMPLATES.items()) + ".",
)
def init(name: str, template: str) -> None:
    """Make a project in the new folder NAME, or with . in the current one.

    A folder that holds something is refused; with . what exists is left as it is.
    """
    here = name == "."
    target = Path.cwd() if here else Path(name)
    if not here and target.is_dir() and any(target.iterdir()):
        raise click.ClickException(
            f"the folder {name} is not empty; choose another name, or cd there and use ."
        )
    project = re.sub(r"[^A-Za-z0-9._-]+", "-", target.name) if here else target.name
    written = _scaffold.init_project(project, target, template)
    for path in written:
        click.echo(f"wrote {path.relative_to(target) if here else path}")
    if not written:
        click.echo("everything is there already")
        return
    steps = [] if here else [f"cd {name}"]
    missing = [each for each in _scaffold.NEEDS[template] if find_spec(each) is None]
    steps += [f"pip install {' '.join(missing)}"] if missing else []
    steps += ["python main.py", "python -m pytest", "theus check"]
    click.echo(f"next: {', '.join(steps)}")


@program.command(example="theus check\ntheus check src workflows --format sarif > theus.sarif")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="How findings are told.",
)
def check(paths: tuple[Path, ...], form: str) -> None:
    """Check processes, workflows, recipes and schemas against each other.

    PATHS are files and folders; without any, the current folder. Sources are read and not
    imported, so nothing they need has to be installed. Tests below a folder are left out.
    The status is 1 where something was found.
    """
    given = paths or (Path(),)
    done = _check.check(given)
    if form == "json":
        click.echo(_finding.as_json(done.findings))
    elif form == "sarif":
        click.echo(_finding.as_sarif(done.findings))
    else:
        _print_findings(done)
    if done.findings:
        sys.exit(1)


def _print_findings(done: _check.Checked) -> None:
    """Coloured on a terminal, bare elsewhere: rich looks at where stdout goes."""
    console = Console(soft_wrap=True, highlight=False)
    for each in done.findings:
        line = Text(f"{each.file}:{each.line}:{each.column}: ", "dim")
        line.append(f"{each.rule}: ", "bold red").append(each.message)
        if each.fix:
            line.append("\n    fix: ", "dim").append(each.fix)
        console.print(line)
    files = f"{done.files} file{'' if done.files == 1 else 's'}"
    many = len(done.findings)
    console.print(f"{many or 'no'} finding{'' if many == 1 else 's'} in {files}")


@program.command(
    example="theus learn train.py --verify\ntheus learn main.py -- --epochs 3 > contracts.txt",
    context_settings={"ignore_unknown_options": False},
)
@click.argument("script", type=_FILE)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How contracts are written.",
)
@click.option("--exact", is_flag=True, help="List every key and index, instead of * for many.")
@click.option(
    "--verify", is_flag=True, help="Run the program again, strict, under what was learned."
)
def learn(script: Path, arguments: tuple[str, ...], form: str, exact: bool, verify: bool) -> None:
    """Run SCRIPT and write the smallest contracts that let the same run pass.

    Every engine in it is strict and lets processes do everything, and what they reach is noted;
    contracts that functions have already count for nothing but their side effects. ARGUMENTS are
    the program's, after -- where they begin with a dash. What it prints goes to stderr.
    """
    try:
        contracts = _learning.learn(script, arguments, exact=exact)
        if verify:
            _learning.verify(script, arguments, contracts)
    except _learning.ProgramFailed as error:
        raise click.ClickException(str(error)) from error
    click.echo((_learning.as_json if form == "json" else _learning.as_text)(contracts))


@program.command(
    example="theus viz specs/workflow.yaml\ntheus viz machine.yaml --current IDLE -o machine.svg"
)
@click.argument("file", type=_FILE)
@click.option("--current", default=None, help="Mark a state, or the step at FILE:LINE:COLUMN.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File to write: .svg needs graphviz, anything else gets Mermaid.",
)
def viz(file: Path, current: str | None, output: Path | None) -> None:
    """Draw the state machine or the workflow in FILE, as Mermaid on stdout.

    Processes need not exist, and nothing runs.
    """
    picture = draw(file, current)
    if output is None:
        click.echo(str(picture), nl=False)
        return
    text = picture.svg() if output.suffix == ".svg" else str(picture)
    output.write_text(text, encoding="utf-8")
    click.echo(f"wrote {output}")


@program.command(
    example="theus run workflows/workflow.yaml\ntheus run workflows/workflow.yaml --arg litres=3"
)
@click.argument("workflow", type=_FILE)
@click.option(
    "--arg",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Argument of the workflow, as JSON or as text. May be repeated.",
)
@click.option(
    "--context",
    default=None,
    metavar="FILE:CLASS",
    help="Root of the context, made without arguments; the one in src/context.py.",
)
@click.option("--progress", is_flag=True, help="Show which step runs, on stderr.")
@click.option("--training", is_flag=True, help="Without guard, transactions and audit.")
@_in
def run(
    workflow: Path,
    arguments: tuple[str, ...],
    context: str | None,
    progress: bool,
    training: bool,
    directory: Path | None,
) -> None:
    """Run WORKFLOW on a fresh context of the project, and print the state that it leaves, as JSON.

    The processes are those below src/processes; the recipe and the schema of the project hold,
    where there are any. What processes print goes to stderr.
    """
    try:
        state = _running.run(
            Project.at(directory),
            workflow,
            arguments,
            context=context,
            progress=progress,
            strict=not training,
        )
    except _running.RunFailed as error:
        raise click.ClickException(str(error)) from error
    click.echo(state)


@program.group()
def audit() -> None:
    """Recipes of the audit: write what is missing, show what holds."""


@audit.command("gen-spec", example="theus audit gen-spec")
@_in
def gen_spec(directory: Path | None) -> None:
    """Append an entry to the recipe for every process that has none.

    What stands in the file stays as it is, comments included. An entry enforces nothing until
    rules are written into it.
    """
    recipe = Project.at(directory).recipe
    added = _specs.gen_spec(directory)
    for name in added:
        click.echo(f"added {name}")
    if not added:
        click.echo(f"{recipe} has an entry for every process")


@audit.command(example="theus audit inspect open_valve")
@click.argument("process")
@_in
def inspect(process: str, directory: Path | None) -> None:
    """Show the rules that hold for PROCESS, inherited ones included."""
    _specs.inspect_process(process, directory)


@program.group()
def schema() -> None:
    """Schemas of the context: from its source, and back."""


@schema.command("gen", example="theus schema gen --context-file src/context.py")
@click.option("--context-file", type=_FILE, default=None, help="Source of the context.")
@click.option(
    "--schema-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File to write; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace a schema that differs.")
@_in
def schema_gen(
    context_file: Path | None, schema_file: Path | None, force: bool, directory: Path | None
) -> None:
    """Write the schema of the annotated fields of a context.

    Fields are those of classes with Global or Domain in their names. The source is read and not
    imported.
    """
    project = Project.at(directory)
    text = schema_text(generate_schema_from_file(context_file or project.context))
    _write(schema_file or project.schema, text, force)


@schema.command("code", example="theus schema code --out-file src/context.py")
@click.option("--schema-file", type=_FILE, default=None, help="Schema to read.")
@click.option(
    "--out-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File to write; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace a file that differs.")
@_in
def schema_code(
    schema_file: Path | None, out_file: Path | None, force: bool, directory: Path | None
) -> None:
    """Write dataclasses AppGlobal, AppDomain and SystemContext with the fields of a schema.

    What schema gen makes of them is the schema again.
    """
    project = Project.at(directory)
    text = generate_code_from_schema(schema_file or project.schema)
    _write(out_file or project.context, text, force)


def _write(file: Path, text: str, force: bool) -> None:
    """Write a generated file; one that says something else is replaced only where that is asked."""
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    if file.exists() and not force:
        if file.read_text(encoding="utf-8") == text:
            click.echo(f"{file} is up to date")
            return
        raise click.ClickException(f"{file} exists and says something else; --force replaces it")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    click.echo(f"wrote {file}")
