"""Where the parts of a project are: by convention, or as pyproject.toml says."""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from theus.errors import ConfigError


@dataclass(frozen=True)
class Project:
    """The folder of a project and what lies in it.

    Each but root can be set in ``[tool.theus]``, relative to the folder.
    """

    root: Path
    context: Path = Path("src/context.py")
    processes: Path = Path("src/processes")
    recipe: Path = Path("specs/audit_recipe.yaml")
    schema: Path = Path("specs/context_schema.yaml")

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None = None) -> "Project":
        """The project in a folder; the current one, unless it is given.

        Raises:
            NotADirectoryError: there is no such folder.
            ConfigError: pyproject.toml is malformed, or sets what is no setting.
        """
        root = Path() if folder is None else Path(folder)
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is no folder")
        said = _settings(root / "pyproject.toml")
        names = [each.name for each in fields(cls) if each.name != "root"]
        for key, value in said.items():
            if key not in names or not isinstance(value, str):
                raise ConfigError(
                    f"{root / 'pyproject.toml'}: {key} = {value!r} in [tool.theus] means nothing\n"
                    f"  it may be:  {', '.join(names)}, each a path in quotes"
                )
        places = {name: root / said.get(name, getattr(cls, name)) for name in names}
        return cls(root, **places)


def _settings(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: this is no TOML: {error}") from error
    found = said.get("tool", {}).get("theus", {})
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: [tool.theus] is a table, not {found!r}")
    return found
