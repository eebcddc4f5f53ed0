"""Importing the files of a folder under private names, so that ``json.py`` shadows nothing."""

import importlib
import itertools
import os
import sys
from pathlib import Path
from types import FunctionType, ModuleType

from theus._table import PRIVATE_PREFIX
from theus.errors import ScanError

_numbers = itertools.count(1)


def import_tree(package_path: str | os.PathLike[str]) -> list[ModuleType]:
    """Import every ``*.py`` below a folder whose name does not start with ``__``, in sorted order.

    The folder becomes a package of its own with a private name, so relative imports between its
    files work and reach the same modules. Each call imports afresh.

    Raises NotADirectoryError, FileNotFoundError, or ScanError with every file that failed.
    """
    top = Path(package_path)
    if not top.is_dir():
        kind = NotADirectoryError if top.exists() else FileNotFoundError
        raise kind(f"scan_and_register needs a folder of processes, not {str(package_path)!r}")
    package = ModuleType(f"{PRIVATE_PREFIX}{next(_numbers)}")
    package.__path__ = [str(top.resolve())]
    sys.modules[package.__name__] = package
    importlib.invalidate_caches()

    modules: list[ModuleType] = []
    failures: list[tuple[Path, Exception]] = []
    files = sorted(path for path in top.rglob("*.py") if not path.name.startswith("__"))
    for path in files:
        parts = path.relative_to(top).with_suffix("").parts
        try:
            modules.append(importlib.import_module(".".join((package.__name__, *parts))))
        except Exception as error:
            failures.append((path, error))
        except SystemExit as error:
            failures.append((path, ImportError(f"it called sys.exit({error.code!r})")))
    if failures:
        for name in list(sys.modules):
            if name.partition(".")[0] == package.__name__:
                del sys.modules[name]
        raise _scan_error(top, len(files), failures)
    return modules


def decorated(module: ModuleType) -> dict[str, FunctionType]:
    """The decorated functions of a module by attribute name, those it imports included."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and hasattr(value, "_pop_contract")
    }


def _scan_error(top: Path, total: int, failures: list[tuple[Path, Exception]]) -> ScanError:
    lines = [
        f"{len(failures)} of {total} files below {str(top)!r} cannot be imported; none is in use"
    ]
    for path, error in failures:
        lines.append(f"  {path.relative_to(top)}: {type(error).__name__}: {error}")
    return ScanError("\n".join(lines), [error for _, error in failures])
