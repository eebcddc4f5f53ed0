"""Running a workflow of a project: its context, its processes, its rules."""

import importlib
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from theus import plain
from theus.cli._project import Project
from theus.config import ConfigFactory
from theus.context import BaseSystemContext
from theus.engine import TheusEngine
from theus.errors import ConfigError, TheusError
from theus.zones import ContextZone, resolve_zone


class RunFailed(Exception):
    """A process of the workflow raised something; the text says what, and where."""


def run(
    project: Project,
    workflow: Path,
    arguments: Sequence[str],
    *,
    context: str | None,
    progress: bool,
    strict: bool,
) -> str:
    """Run a workflow on a fresh context; the state that it leaves, as JSON.

    Raises ConfigError for what the project lacks or has wrong, RunFailed for what a step raised.
    """
    given = dict(map(_argument, arguments))
    root = str(project.root.resolve())
    sys.path.insert(0, root)
    try:
        with redirect_stdout(sys.stderr):
            ctx = _made(_class(project, context))
            engine = TheusEngine(ctx, strict_mode=strict, **(_rules(project) if strict else {}))
            with engine:
                if project.processes.is_dir():
                    engine.scan_and_register(project.processes)
                _steps(engine, workflow, given, progress)
                return json.dumps(_state(ctx), indent=2, ensure_ascii=False, default=_shown)
    finally:
        sys.path.remove(root)


def _steps(engine: TheusEngine[Any], workflow: Path, given: dict[str, Any], progress: bool) -> None:
    try:
        engine.execute_workflow(str(workflow), progress=progress, **given)
    except (TheusError, OSError):
        raise
    except Exception as error:
        notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
        raise RunFailed(f"{workflow} failed: {type(error).__name__}: {error}{notes}") from error


def _argument(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ConfigError(f"--arg takes NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _rules(project: Project) -> dict[str, Any]:
    """The recipe and the schema, as far as the project has them."""
    rules: dict[str, Any] = {}
    if project.recipe.is_file():
        rules["audit_recipe"] = ConfigFactory.load_recipe(project.recipe)
    if project.schema.is_file():
        rules["schema"] = ConfigFactory.load_schema(project.schema)
    return rules


def _class(project: Project, context: str | None) -> type:
    """The root class: the one that is named, or the only one of its file."""
    file, _, name = (context or "").partition(":")
    path = project.root / file if file else project.context
    if not path.is_file():
        raise ConfigError(f"there is no {path} with the context; give --context FILE:CLASS")
    module = _imported(project, path)
    roots = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and (issubclass(value, BaseSystemContext) or key == name)
    }
    if name and name in roots:
        return roots[name]
    if name or len(roots) != 1:
        there = ", ".join(roots) or "none"
        raise ConfigError(
            f"{path}: the root of the context is {name or 'one class'}, and there is {there}\n"
            f"  fix:  give --context {path}:CLASS"
        )
    return next(iter(roots.values()))


def _imported(project: Project, path: Path) -> ModuleType:
    """The module in a file, under the name that the rest of the project imports it by."""
    parts = path.resolve().relative_to(project.root.resolve()).with_suffix("").parts
    try:
        return importlib.import_module(".".join(parts))
    except Exception as error:
        raise ConfigError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error


def _made(cls: type) -> Any:
    try:
        return cls()
    except Exception as error:
        raise ConfigError(
            f"{cls.__name__}() raised {type(error).__name__}: {error}\n"
            f"  fix:  let the root of the context be made without arguments"
        ) from error


def _state(ctx: Any) -> dict[str, Any]:
    """The DATA fields of the layers."""
    return {
        word: _fields(getattr(ctx, layer))
        for word, layer in (("global", "global_ctx"), ("domain", "domain_ctx"))
    }


def _fields(layer: object) -> Any:
    if layer is None:
        return None
    names = getattr(type(layer), "model_fields", None) or vars(layer)
    return {
        name: plain(getattr(layer, name))
        for name in names
        if not name.startswith("_") and resolve_zone(name) is ContextZone.DATA
    }


def _shown(value: object) -> Any:
    """What JSON has no word for: objects by their fields, anything else as Python prints it."""
    if hasattr(type(value), "model_dump"):
        return value.model_dump()  # type: ignore[attr-defined]
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    fields = getattr(value, "__dict__", None)
    return {k: v for k, v in fields.items() if k[:1] != "_"} if fields else repr(value)
