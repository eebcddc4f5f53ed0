"""The YAML files of a project: which is what, and what of them can be held against the source."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theus import _kernel
from theus._binding import steps_of
from theus.cli._places import nearest, spell
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


def kind_of(text: str) -> str:
    """What a file is by its keys at the left edge: a recipe, a workflow, a machine or a schema.

    >>> kind_of("name: x\\nsteps: [a]\\n"), kind_of("version: 1\\n")
    ('workflow', '')
    """
    for match in re.finditer(r"^[\"']?(\w+)[\"']?\s*:", text, re.MULTILINE):
        if match[1] in _KEYS:
            return _KEYS[match[1]]
    return ""


@dataclass
class Documents:
    """The files by what they are, each with its text."""

    recipes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    schemas: dict[str, Any] = field(default_factory=dict)
    workflows: list[str] = field(default_factory=list)
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
            except ConfigError as error:
                done.malformed(f"bad-{kind}", name, error)
        return found

    def schema_fields(self) -> Mapping[str, Mapping[str, Any]] | None:
        """The fields that the schemas declare, by layer; None where there is no schema."""
        return None

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
