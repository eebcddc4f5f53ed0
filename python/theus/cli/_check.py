"""Static checks of processes, recipes, schemas and workflows together. Nothing is imported."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theus import _kernel
from theus._binding import steps_of
from theus._fields import ClassSource, classes_of, layers_of, parse_file
from theus.cli._bodies import Access, Body, follow
from theus.cli._documents import Documents
from theus.cli._finding import Finding
from theus.cli._places import Place, below, name_of, spell
from theus.cli._sources import Entry, Module, ProcessSource, python_files, read_module
from theus.cli._state import State
from theus.errors import ConfigError, ContractDefinitionError
from theus.zones import ContextZone, resolve_zone

_IGNORE = re.compile(r"#\s*theus:\s*ignore(?:\[([\w\s,-]*)\])?")
_PLACED = re.compile(r"(?:Invalid [\w ]+: )?(.*?):(\d+):(\d+): (.*)")


@dataclass
class Checked:
    """What a check looked at, and what it found."""

    files: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(
        self, rule: str, file: str, line: int, column: int, message: str, fix: str = ""
    ) -> None:
        """Note a finding, once."""
        found = Finding(file, line, column, rule, message, fix)
        if found not in self.findings:
            self.findings.append(found)

    def malformed(
        self, rule: str, file: str, error: Exception, words: Mapping[str, str] | None = None
    ) -> None:
        """Note every mistake of a file that the kernel, or Python, refused.

        words: what a message holds that breaks a rule of its own, and that rule.
        """
        text = Exception.__str__(error)
        before = len(self.findings)
        for line in text.splitlines():
            placed = _PLACED.fullmatch(line)
            if placed:
                where, row, column, message = placed.groups()
                own = (each for word, each in (words or {}).items() if word in message)
                self.add(next(own, rule), where or file, int(row), int(column), message)
        if len(self.findings) == before:
            self.add(rule, file, 1, 1, text.splitlines()[0] if text else type(error).__name__)


def check(paths: Sequence[str | os.PathLike[str]]) -> Checked:
    """Check files and folders together; see ``theus check --help``."""
    done = Checked()
    sources, texts = _files(paths)
    known: dict[str, ClassSource] = {}
    modules: list[Module] = []
    for file in sources:
        try:
            for name, found in classes_of(parse_file(file), str(file)).items():
                known.setdefault(name, found)
            modules.append(read_module(file))
        except ConfigError as error:
            done.malformed("bad-source", str(file), error)
    documents = Documents.read(texts, done)
    state = State(known, layers_of(known), documents.schema_fields())
    processes: dict[str, ProcessSource] = {}
    bodies: dict[str, Body] = {}
    for module in modules:
        for each in module.processes:
            processes[each.name] = each
            bodies[each.name] = check_process(each, module, state, done)
    documents.check(processes, bodies, state, done)
    done.files = len(sources) + len(texts)
    done.findings = [each for each in done.findings if not _ignored(each)]
    done.findings.sort(key=lambda each: (each.file, each.line, each.column, each.rule))
    return done


def _ignored(finding: Finding) -> bool:
    """Whether the line of a finding says, in a comment, that it may break this rule."""
    lines = Path(finding.file).read_text(encoding="utf-8", errors="replace").splitlines()
    line = lines[finding.line - 1] if finding.line <= len(lines) else ""
    comment = _IGNORE.search(line)
    return comment is not None and (
        comment[1] is None or finding.rule in re.split(r"[\s,]+", comment[1])
    )


def check_process(process: ProcessSource, module: Module, state: State, done: Checked) -> Body:
    """Hold one process to its contract, and its contract to the state."""
    inputs = _compiled(process, process.inputs, "inputs", state, done)
    outputs = _compiled(process, process.outputs, "outputs", state, done)
    starts: dict[str, tuple[str, Place]] = {process.context: ("ctx", ())} if process.context else {}
    for name, (mark, entry) in process.marks.items():
        for place, each in (*inputs, *outputs):
            if each is entry:
                starts[name] = (mark, place)
    body = follow(process.node, starts, module.functions, state.method)
    if process.known:
        _undeclared(process, inputs, outputs, body, done)
    _unused(process, inputs, outputs, body, done)
    return body


def _compiled(
    process: ProcessSource, entries: list[Entry], part: str, state: State, done: Checked
) -> list[tuple[Place, Entry]]:
    """The entries of one list as places; what cannot be one is a finding."""
    compiled = []
    for entry in entries:
        at = (process.file, entry.line, entry.column)
        try:
            path = _kernel.canonical(entry.text)
        except ContractDefinitionError as error:
            why = Exception.__str__(error).splitlines()[0]
            done.add("bad-contract", *at, f"process {process.name!r}: {why}")
            continue
        place = tuple(steps_of(path))
        if any(name_of(step).startswith("_") for step in place):
            done.add(
                "bad-contract",
                *at,
                f"process {process.name!r}: {path} is private",
                "declare a public name",
            )
        zone = resolve_zone(path)
        if part == "inputs" and zone in (ContextZone.SIGNAL, ContextZone.META):
            done.add(
                "bad-contract",
                *at,
                f"process {process.name!r}: a {zone.name} path cannot be an input",
                f'remove "{entry.text}", or declare it as an output',
            )
        missing = state.missing(place)
        if missing is not None and not (part == "outputs" and len(missing.place) > 2):
            fix = f'write "{_replaced(entry.text, missing.nearest)}"' if missing.nearest else ""
            done.add(
                "unknown-path",
                *at,
                f"process {process.name!r} names {spell(missing.place)},"
                f" which is no field of the context",
                fix or "add the field to its class, or correct the path",
            )
        compiled.append((place, entry))
    return compiled


def _undeclared(
    process: ProcessSource, inputs: Any, outputs: Any, body: Body, done: Checked
) -> None:
    """What the engine would deny."""
    readable = [place for place, _ in (*inputs, *outputs)]
    writable = [place for place, _ in outputs]
    refused: set[Place] = set()
    for each in body.of("touch", "read", "write"):
        if not each.place or each.place in refused or any(below(up, each.place) for up in refused):
            continue
        at = (process.file, each.line, each.column)
        path = spell(each.place)
        if each.kind == "write":
            if not any(below(up, each.place) for up in writable):
                refused.add(each.place)
                done.add(
                    "undeclared-write",
                    *at,
                    f"process {process.name!r} writes {path}, which is not among its outputs",
                    f'add "{path}" to the outputs',
                )
            continue
        if any(below(up, each.place) for up in readable):
            continue
        walked = any(below(each.place, down) for down in readable)
        if walked and each.kind == "touch":
            continue
        refused.add(each.place)
        what = "needs the whole of" if walked else "reads"
        done.add(
            "undeclared-read",
            *at,
            f"process {process.name!r} {what} {path}, which is not among its inputs",
            f'add "{path}" to the inputs',
        )


def _unused(process: ProcessSource, inputs: Any, outputs: Any, body: Body, done: Checked) -> None:
    """What a contract grants for nothing."""
    marked = {id(entry) for _, entry in process.marks.values()}
    for part, entries in (("inputs", inputs), ("outputs", outputs)):
        for place, entry in entries:
            used = [each for each in body.accesses if _concerns(each, place)]
            at = (process.file, entry.line, entry.column)
            if not used and id(entry) not in marked:
                done.add(
                    "unused-grant",
                    *at,
                    f"process {process.name!r} never touches {spell(place)}",
                    f'remove "{entry.text}" from the {part}',
                )
            elif part == "outputs" and not any(e.kind in ("write", "escape") for e in used):
                if resolve_zone(_kernel.canonical(entry.text)) in (
                    ContextZone.SIGNAL,
                    ContextZone.META,
                ):
                    continue  # it may be read as an output only
                done.add(
                    "never-written",
                    *at,
                    f"process {process.name!r} never writes {spell(place)}",
                    f'move "{entry.text}" to the inputs',
                )


def _concerns(access: Access, place: Place) -> bool:
    """Whether an access uses what a declared path grants."""
    if below(place, access.place):
        return True
    return access.kind != "touch" and below(access.place, place)


def _replaced(text: str, nearest: str) -> str:
    """An entry with the second segment as it was probably meant."""
    head, dot, rest = text.partition(".")
    tail = re.sub(r"^[^.\[]+", "", rest)
    return f"{head}{dot}{nearest}{tail}"


def _files(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[Path], list[Path]]:
    """(Python files, YAML files) of paths. Tests below a folder are left out."""
    sources: list[Path] = []
    texts: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            sources += [each for each in python_files(path) if not _is_test(each.relative_to(path))]
            texts += _yaml_files(path)
        else:
            (texts if path.suffix in (".yaml", ".yml") else sources).append(path)
    return list(dict.fromkeys(sources)), list(dict.fromkeys(texts))


def _is_test(path: Path) -> bool:
    return "tests" in path.parts or path.name.startswith("test_") or path.name == "conftest.py"


def _yaml_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".") or path.name in ("node_modules", "build", "dist")
        if path.is_dir() and not hidden and not (path / "pyvenv.cfg").exists():
            yield from _yaml_files(path)
        elif path.suffix in (".yaml", ".yml"):
            yield path
