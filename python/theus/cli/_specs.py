"""What the command line does with recipes: append what is missing, and show what holds."""

import json
import os
import re
from pathlib import Path
from typing import Any

from theus import _kernel
from theus.cli._places import nearest
from theus.cli._project import Project
from theus.cli._sources import python_files, read_module
from theus.config import AuditRecipe, ConfigFactory, RuleSpec
from theus.errors import ConfigError, UnknownProcessError

_HEAD = "process_recipes:"
_PARTS = ("inputs", "outputs", "side_effects", "errors")


def gen_spec(target_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Append a skeleton to the recipe of a project for every process that it does not name.

    The processes are the decorated functions below src/processes, read and not imported. What the
    file holds stays byte for byte; a skeleton enforces nothing.

    Returns:
        The names that were appended.

    Raises:
        FileNotFoundError: the project has no folder of processes.
        ConfigError: a file of it is malformed, or the recipe cannot be appended to.
    """
    project = Project.at(target_dir)
    if not project.processes.is_dir():
        raise FileNotFoundError(f"there is no folder {project.processes} with processes")
    found = [
        each for file in python_files(project.processes) for each in read_module(file).processes
    ]
    before = project.recipe.read_bytes() if project.recipe.exists() else b""
    try:
        text = before.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{project.recipe}:1:1: this is not UTF-8 text") from error
    known = _names(project.recipe, text)
    missing = {each.name: each for each in found if each.name not in known}
    missing = {name: each for name, each in missing.items() if not name.startswith("_")}
    if not missing:
        return []
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [] if re.search(r"^process_recipes\s*:", text, re.MULTILINE) else [_HEAD]
    indent = _indent(text)
    for name, each in missing.items():
        lines.append(f"{indent}{name}:")
        said = {
            "inputs": "[]",
            "outputs": "[]",
            "side_effects": json.dumps(each.side_effects, ensure_ascii=False),
            "errors": json.dumps(each.errors, ensure_ascii=False),
        }
        lines += [f"{indent * 2}{part}: {said[part]}" for part in _PARTS]
    added = ("" if not text or text.endswith("\n") else end) + end.join(lines) + end
    if not set(missing) <= _names(project.recipe, text + added, appended=True):
        raise _cannot_append(project.recipe)
    project.recipe.parent.mkdir(parents=True, exist_ok=True)
    with project.recipe.open("ab") as file:
        file.write(added.encode("utf-8"))
    return list(missing)


def inspect_process(process_name: str, target_dir: str | os.PathLike[str] | None = None) -> None:
    """Print the rules that hold for a process, inherited ones included, as the recipe says.

    Raises:
        FileNotFoundError: the project has no recipe.
        ConfigError: the recipe is malformed.
        UnknownProcessError: it has no rules for that process.
    """
    print(described(process_name, ConfigFactory.load_recipe(Project.at(target_dir).recipe)))


def described(process_name: str, recipe: AuditRecipe) -> str:
    """The rules of a process as text."""
    found = recipe.definitions.get(process_name)
    if found is None:
        near = nearest(process_name, recipe.definitions)
        hint = f"; did you mean {near!r}?" if near else ""
        raise UnknownProcessError(
            f"the recipe {recipe.source} has no rules for process {process_name!r}{hint}",
            process=process_name,
            nearest=near,
        )
    lines = [f"process {process_name}"]
    for gate, rules in (("inputs", found.input_rules), ("outputs", found.output_rules)):
        lines.append(f"  {gate}" if rules else f"  {gate}: no rules")
        rows = [_columns(rule) for rule in rules]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        lines += ["    " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines.append(f"  side effects: {', '.join(found.side_effects) or 'none'}")
    lines.append(f"  errors: {', '.join(found.errors) or 'none'}")
    return "\n".join(lines)


def _columns(rule: RuleSpec) -> tuple[str, ...]:
    when = "" if rule.max_threshold == 1 else f"acts at violation {rule.max_threshold}"
    early = f"warns from {rule.min_threshold}" if rule.min_threshold else ""
    keeps = "" if rule.reset_on_success else "keeps its count"
    notes = ", ".join(filter(None, (when, early, keeps)))
    message = json.dumps(rule.message, ensure_ascii=False) if rule.message else ""
    limit = f"{rule.condition} {rule.value!r}"
    return rule.target_field, limit, f"level {rule.level}", notes, message


def _names(file: Path, text: str, *, appended: bool = False) -> set[str]:
    """The entries of a recipe. What is appended must not make it malformed."""
    try:
        described: list[dict[str, Any]] = json.loads(
            _kernel.describe_recipe(str(file), text, False)
        )
    except ConfigError as error:
        if appended:
            raise _cannot_append(file) from error
        raise
    return {each["name"] for each in described}


def _cannot_append(file: Path) -> ConfigError:
    return ConfigError(
        f"{file}: nothing can be appended, since process_recipes does not end the file as a block\n"
        f"  fix:  move process_recipes to the end, and write its entries one below the other"
    )


def _indent(text: str) -> str:
    """The indentation of the entries of a recipe."""
    match = _FIRST_ENTRY.search(text)
    return match[1] if match else "  "


_BLANK = r"[^\S\n]*(?:#[^\n]*)?\r?\n"
_FIRST_ENTRY = re.compile(rf"^process_recipes\s*:{_BLANK}(?:{_BLANK})*([ ]+)\S", re.MULTILINE)
