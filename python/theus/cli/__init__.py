"""The command line: ``theus``, ``python -m theus`` and ``python -m theus.cli`` are one program.

Each command is a few lines over a function that can be called as well. What the functions read of
a program is its source: nothing is imported but by the commands that run it.
"""

import sys

from theus._build import build_info
from theus.cli._scaffold import init_project
from theus.cli._specs import gen_spec, inspect_process

__all__ = ["gen_spec", "init_project", "inspect_process", "main"]


def main() -> None:
    """Run the program on the arguments of this process, and exit with its status.

    0 is success, 1 that something was found or went wrong, 2 that the command makes no sense.
    """
    try:
        from theus.cli._commands import program  # noqa: PLC0415  loads what only this needs
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in ("click", "rich"):
            raise
        if sys.argv[1:] == ["--version"]:
            sys.exit(print(build_info()))
        sys.exit(f"theus: the command line needs {missing}: pip install 'theus[cli]'")
    program(prog_name="theus")
