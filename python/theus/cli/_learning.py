"""Running a program to learn the contracts of its processes, and writing them down."""

import json
import runpy
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from traceback import extract_tb

from theus._learn import Given, Recorder, instead
from theus.contracts import ProcessContract
from theus.errors import ContractViolationError


class ProgramFailed(Exception):
    """The program that was run did not come to a good end; the text says how and where."""


def learn(script: Path, arguments: Sequence[str], *, exact: bool) -> dict[str, ProcessContract]:
    """Run a program as ``python script`` would; the contracts of what ran in it, by name.

    What it prints goes to stderr. Raises ProgramFailed.
    """
    recorder = Recorder()
    with instead(recorder):
        _run(script, arguments)
    return recorder.contracts(exact=exact)


def verify(script: Path, arguments: Sequence[str], contracts: dict[str, ProcessContract]) -> None:
    """Run a program again, strict and under these contracts. Raises ProgramFailed."""
    with instead(Given(contracts)):
        _run(script, arguments)


def _run(script: Path, arguments: Sequence[str]) -> None:
    """Run a program under its own name and arguments. Its ``sys.exit`` ends it and nothing else."""
    before = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        with redirect_stdout(sys.stderr):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise ProgramFailed(f"{script} ended with sys.exit({end.code!r})") from end
    except Exception as error:
        text = str(error) if isinstance(error, ContractViolationError) else repr(error)
        raise ProgramFailed(f"{script} failed at {_place(error, script)}: {text}") from error
    finally:
        sys.argv, sys.path[:] = before


def _place(error: Exception, script: Path) -> str:
    """The innermost line of the program itself that an error passed, as file:line."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [each for each in extract_tb(error.__traceback__) if each.filename == str(script)]
    return f"{script}:{lines[-1].lineno}" if lines else str(script)


def as_text(contracts: dict[str, ProcessContract]) -> str:
    """The decorators to write."""
    return "\n\n".join(map(_decorator, contracts, contracts.values())) or "no process ran"


def _decorator(name: str, contract: ProcessContract) -> str:
    lines = ["@process("]
    for part in ("inputs", "outputs"):
        lines += _list(
            part, [json.dumps(path, ensure_ascii=False) for path in getattr(contract, part)]
        )
    if contract.side_effects:
        lines += _list("side_effects", [repr(each) for each in contract.side_effects])
    if contract.errors:
        lines += _list(
            "errors", [each if isinstance(each, str) else each.__name__ for each in contract.errors]
        )
    return "\n".join([*lines, ")", f"def {name}(...): ..."])


def _list(part: str, entries: list[str]) -> list[str]:
    line = f"    {part}=[{', '.join(entries)}],"
    if len(line) <= 96:
        return [line]
    return [f"    {part}=[", *(f"        {entry}," for entry in entries), "    ],"]


def as_json(contracts: dict[str, ProcessContract]) -> str:
    """An object with the lists of each process; errors by name."""
    return json.dumps(
        {
            name: {
                "inputs": each.inputs,
                "outputs": each.outputs,
                "side_effects": each.side_effects,
                "errors": [e if isinstance(e, str) else e.__name__ for e in each.errors],
            }
            for name, each in contracts.items()
        },
        indent=2,
        ensure_ascii=False,
    )
