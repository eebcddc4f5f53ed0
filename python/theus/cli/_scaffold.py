"""New projects from templates: the files of a folder, with the name of the project put in."""

import os
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from theus.errors import ConfigError

TEMPLATES = {
    "agent": "the demo: a state machine, its signals, an audit, and a prompt to play with",
    "minimal": "one context, one file of processes, and their tests",
    "training": "a training loop on heavy memory, with an audit",
}
# What a project of a template imports, beside theus.
NEEDS = {"agent": ("pydantic", "pytest"), "minimal": ("pytest",), "training": ("pytest",)}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


def init_project(
    project_name: str, target_dir: str | os.PathLike[str], template: str = "agent"
) -> list[Path]:
    """Write the files of a template into a folder; those that exist are left as they are.

    Returns:
        The files that were written, in order.

    Raises:
        ConfigError: the name is none, or there is no such template.
        NotADirectoryError: target_dir is a file.
    """
    if not _NAME.fullmatch(project_name):
        raise ConfigError(
            f"{project_name!r} is no name for a project\n"
            f"  fix:  use letters, digits, dots, dashes and underscores, with a letter first"
        )
    if template not in TEMPLATES:
        raise ConfigError(f"there is no template {template!r}; there are {', '.join(TEMPLATES)}")
    target = Path(target_dir)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target} is a file")
    written = []
    for parts, text in _texts(files("theus.cli") / "templates" / template, ()):
        path = target.joinpath(*parts)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("PROJECT_NAME", project_name), encoding="utf-8")
            written.append(path)
    return written


def _texts(folder: Traversable, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], str]]:
    """(steps of the path, text) of every file of a template.

    Their names end in ``.txt``, so that no tool takes them for modules of this package, and begin
    with ``dot_`` where they become hidden.
    """
    found = []
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            found += _texts(each, (*above, each.name))
        else:
            name = re.sub(r"^dot_", ".", each.name.removesuffix(".txt"))
            found.append(((*above, name), each.read_text(encoding="utf-8")))
    return found
