"""The YAML files of a project: which is what, and what of them can be held against the source."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theus import _kernel
from theus._binding import steps_of
from theus.cli._places import Place, below, nearest, spell
from theus.errors import ConfigError, ContractDefinitionError

if TYPE_CHECKING:
    from theus.cli._bodies import Body
    from theus.cli._check import Checked
    from theus.cli._sources import ProcessSource
    from theus.cli._state import State

_KEYS = {
    "process_recipes": "recipe",
    "steps": "workflow",
    "states": "machine",
    "context": "schema",
    "global": "schema",
    "domain": "schema",
}
# What the kernel says of a machine that has a rule of its own.
_RULES = {"no way leads": "unreachable-state", "process": "unknown-process"}


def kind_of(text: str) -> str:
    """What a file is by its keys at the left edge: a recipe, a workflow, a machine or a schema.

    >>> kind_of("name: x\\nsteps: [a]\\n"), kind_of("version: 1\\n")
    ('workflow', '')
    """
    for match in re.finditer(r"^[\"']?(\w+)[\"']?\s*:", text, re.MULTILINE):
        if match[1] in _KEYS:
            return _KEYS[match[1]]
    return ""


@dataclass(frozen=True)
class Call:
    """A step of a workflow that runs a process, and where it stands."""

    process: str
    line: int
    column: int


@dataclass
class Documents:
    """The files by what they are, each with its text."""

    recipes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    workflows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    machines: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, files: Sequence[Path], done: "Checked") -> "Documents":
        """Read files; what is malformed is a finding. A file of no known kind is left alone."""
        found = cls()
        for path in files:
            name = str(path)
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                done.add("bad-source", name, 1, 1, "this is not UTF-8 text")
                continue
            kind = kind_of(text)
            found.texts[name] = text
            try:
                if kind == "recipe":
                    found.recipes[name] = json.loads(_kernel.describe_recipe(name, text, False))
                elif kind == "workflow":
                    found.workflows[name] = json.loads(_kernel.outline(name, text, False))
                elif kind == "schema":
                    found.schemas[name] = json.loads(_kernel.describe_schema(name, text, False))
                elif kind == "machine":
                    found.machines.append(name)
            except ConfigError as error:
                done.malformed(f"bad-{kind}", name, error)
        return found

    def schema_fields(self) -> Mapping[str, Mapping[str, Any]] | None:
        """The fields that the schemas declare, by layer; None where there is no schema."""
        if not self.schemas:
            return None
        return {
            layer: {each["name"]: each for said in self.schemas.values() for each in said[layer]}
            for layer in ("global", "domain")
        }

    def check(
        self,
        processes: Mapping[str, "ProcessSource"],
        bodies: Mapping[str, "Body"],
        state: "State",
        done: "Checked",
    ) -> None:
        """Hold the files to the processes and to the state."""
        for name, entries in self.recipes.items():
            self._check_recipe(name, entries, processes, state, done)
        for name, steps in self.workflows.items():
            _Workflow(name, processes, bodies, state, done).check(steps)
        for name, said in self.schemas.items():
            self._check_schema(name, said, state, done)
        for name in self.machines:
            self._check_machine(name, processes, done)

    def _check_machine(
        self, file: str, processes: Mapping[str, "ProcessSource"], done: "Checked"
    ) -> None:
        """Load a machine as an engine with these processes would."""
        known = {name: each.arguments() for name, each in processes.items()}
        try:
            _kernel.load_machine(file, self.texts[file], "", json.dumps(known), False)
        except ConfigError as error:
            done.malformed("bad-machine", file, error, _RULES)

    def _check_schema(self, file: str, said: Any, state: "State", done: "Checked") -> None:
        """A field that no class of the layer has would stop the engine from starting."""
        for layer in ("global", "domain"):
            names = state.names(layer)
            if names is None:
                continue
            for each in said[layer]:
                if each["name"] not in names:
                    near = nearest(each["name"], names)
                    name = re.escape(each["name"])
                    at = self.place(file, rf"(?:^|[{{,])\s*[\"']?({name})[\"']?\s*:")
                    done.add(
                        "unknown-path",
                        file,
                        *at,
                        f"the schema has {layer}.{each['name']}, which is no field of the context",
                        f"write {near}" if near else "add the field to its class",
                    )

    def _check_recipe(
        self, file: str, entries: Any, processes: Any, state: "State", done: "Checked"
    ) -> None:
        for entry in entries:
            line, column = self.place(file, rf"^\s*[\"']?({re.escape(entry['name'])})[\"']?\s*:")
            process = processes.get(entry["name"])
            if process is None:
                near = nearest(entry["name"], processes)
                done.add(
                    "unknown-process",
                    file,
                    line,
                    column,
                    f"there are rules for process {entry['name']!r}, which does not exist",
                    f"write {near!r}" if near else "write the process, or remove the rules",
                )
                continue
            args = process.node.args
            parameters = {each.arg for each in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
            for rule in (*entry["inputs"], *entry["outputs"]):
                if rule["field"] in parameters or "()" in rule["field"]:
                    continue
                try:
                    place = tuple(steps_of(_kernel.canonical(rule["field"])))
                except ContractDefinitionError:
                    continue
                missing = state.missing(place)
                if missing is not None:
                    spelled = rule["field"].replace("domain_ctx.", "").replace("global_ctx.", "")
                    at = self.place(file, rf"field\s*[\"']?\s*:\s*[\"']?\S*({re.escape(spelled)})")
                    done.add(
                        "unknown-path",
                        file,
                        *at,
                        f"a rule of {entry['name']!r} looks at {spell(missing.place)},"
                        f" which is no field of the context",
                        f"write {missing.nearest}" if missing.nearest else "",
                    )

    def place(self, file: str, pattern: str) -> tuple[int, int]:
        """(line, column) of the first match of a pattern's group; the top where there is none."""
        text = self.texts[file]
        match = re.search(pattern, text, re.MULTILINE)
        if match is None:
            return 1, 1
        start = match.start(1)
        return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


class _Workflow:
    """One workflow, held to the contracts of the processes that it runs."""

    def __init__(
        self,
        file: str,
        processes: Mapping[str, "ProcessSource"],
        bodies: Mapping[str, "Body"],
        state: "State",
        done: "Checked",
    ) -> None:
        self.file, self.processes, self.bodies, self.done = file, processes, bodies, done
        self.empty = [place for place, _ in state.fields_without_value()]
        self.told: set[Place] = set()

    def check(self, steps: list[dict[str, Any]]) -> None:
        """Check all steps, and what runs before what."""
        for call in _calls(steps):
            if call.process not in self.processes:
                near = nearest(call.process, self.processes)
                self.done.add(
                    "unknown-process",
                    self.file,
                    call.line,
                    call.column,
                    f"there is no process {call.process!r}",
                    f"write {near!r}" if near else "write the process, or correct the name",
                )
        self.follow(steps, [])

    def follow(self, steps: list[dict[str, Any]], written: list[Place]) -> list[Place]:
        """Walk steps in order; gives what is written for sure when they have ended."""
        for step in steps:
            parts = [part["steps"] for part in step.get("parts", ())]
            if step["do"] == "process":
                self.read(step, written)
                written = [*written, *self.writes(step["text"])]
            elif step["do"] == "parallel":
                self.collide(parts)
                ends = [self.follow(part, written) for part in parts]
                written = [place for end in ends for place in end] or written
            elif step["do"] == "if":
                ends = [self.follow(part, written) for part in parts]
                whole = bool(step["parts"]) and step["parts"][-1]["label"] == "else"
                written = _common(ends) if whole else written
            elif step["do"] in ("run", "retry", "try"):
                end = self.follow(parts[0], written) if parts else written
                for part in parts[1:]:
                    self.follow(part, written)
                written = end if step["do"] != "try" else written
            else:  # a loop, which may run not once; a call, which is closed
                for part in parts:
                    self.follow(part, written)
        return written

    def read(self, step: dict[str, Any], written: list[Place]) -> None:
        """A process reads fields that no step before it gave a value."""
        body = self.bodies.get(step["text"])
        if body is None:
            return
        mine: list[Place] = []
        for each in body.of("read", "write"):
            if each.kind == "write":
                mine.append(each.place)
                continue
            for empty in self.empty:
                known = any(below(up, empty) for up in (*written, *mine))
                if below(empty, each.place) and not known and empty not in self.told:
                    self.told.add(empty)
                    line, column = _at(step)
                    self.done.add(
                        "read-before-write",
                        self.file,
                        line,
                        column,
                        f"process {step['text']!r} reads {spell(empty)}, which has no value yet",
                        "give the field a default, or run a process first that writes it",
                    )

    def writes(self, name: str) -> list[Place]:
        """What a process may write, by its contract; without one that is known, nothing."""
        return _places(self.processes[name].outputs) if name in self.processes else []

    def collide(self, branches: list[list[dict[str, Any]]]) -> None:
        """Two branches of which one writes what the other one uses."""
        for i, branch in enumerate(branches):
            for other in branches[:i]:
                for call in _calls(branch):
                    for before in _calls(other):
                        where = self.conflict(call.process, before.process)
                        if where is not None:
                            self.done.add(
                                "parallel-conflict",
                                self.file,
                                call.line,
                                call.column,
                                f"{call.process!r} cannot run beside {before.process!r} of line"
                                f" {before.line}: both use {spell(where)}, and one writes it",
                                "run them one after the other",
                            )

    def conflict(self, one: str, other: str) -> Place | None:
        """Where two processes cannot run side by side; None: they can."""
        if one not in self.processes or other not in self.processes:
            return None
        for writer, user in ((one, other), (other, one)):
            inputs = _places(self.processes[user].inputs)
            for out in _places(self.processes[writer].outputs):
                for used in (*inputs, *_places(self.processes[user].outputs)):
                    if below(out, used) or below(used, out):
                        return max(out, used, key=len)
        return None


def _calls(steps: list[dict[str, Any]]) -> Iterator[Call]:
    """The process steps at any depth."""
    for step in steps:
        if step["do"] == "process":
            yield Call(step["text"], *_at(step))
        for part in step.get("parts", ()):
            yield from _calls(part["steps"])


def _at(step: dict[str, Any]) -> tuple[int, int]:
    _, line, column = step["place"].rsplit(":", 2)
    return int(line), int(column)


def _places(entries: Any) -> list[Place]:
    """Declared paths as places; what is no path is told elsewhere."""
    places = []
    for entry in entries:
        try:
            places.append(tuple(steps_of(_kernel.canonical(entry.text))))
        except ContractDefinitionError:
            continue
    return places


def _common(ends: list[list[Place]]) -> list[Place]:
    """What is written whichever way was taken."""
    return [place for place in ends[0] if all(place in end for end in ends)]
