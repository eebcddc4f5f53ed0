"""The programs that the type checkers of make check read do run, and generics cost nothing.

That the types are right is for make check: mypy, pyright and stubtest read python/tests/typing.
"""

import inspect
import runpy
from pathlib import Path

import pytest

from theus import BaseSystemContext, TheusEngine, _kernel
from theus.engine import POPEngine

TYPING = Path(__file__).parent / "typing"


PRINTED = {
    "shop": "no tea left\ntea is tested\n{'tea': 1} ['tea'] 2\n",
    "ledger": "15.0\n['BUSY', 'IDLE'] 3\n"
    "r Ledger(balance=338, lines=['by a workflow', 'settled', 'settled'])\n",
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_users_program_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: a program that strict type checkers accept also works."""
    runpy.run_path(str(TYPING / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out == PRINTED[name]


def test_an_engine_of_a_context_is_an_engine() -> None:
    """Law: TheusEngine[System] is for type checkers; what it makes is a TheusEngine."""
    with TheusEngine[BaseSystemContext](BaseSystemContext(None, None)) as engine:
        assert type(engine) is TheusEngine
        assert engine.run_process.__self__ is engine
    with (
        pytest.deprecated_call(),
        POPEngine[BaseSystemContext](BaseSystemContext(None, None)) as old,
    ):
        assert type(old) is POPEngine
    assert TheusEngine.__mro__ == (TheusEngine, _kernel.Engine, object)


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("run_process", "(name, /, **kwargs)"),
        ("execute_process", "(process_name, /, **kwargs)"),
        ("on_commit", "(listener, /)"),
        ("edit", "()"),
    ],
)
def test_help_tells_the_arguments(name: str, takes: str) -> None:
    """Law: what help() and an editor show of a method written in C is how it is called."""
    with TheusEngine(BaseSystemContext(None, None)) as engine:
        assert str(inspect.signature(getattr(engine, name))) == takes
