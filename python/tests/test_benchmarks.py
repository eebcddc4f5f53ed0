"""The benchmarks measure what they say; what they find is no test, but for the counts."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="the sdist has no benchmarks")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """bench_count, which imports the others as programs of its folder do."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("bench_count")


def test_no_two_sides_share_their_code(bench: ModuleType) -> None:
    """CPython specialises per code object: a side that shares one measures the other one too."""

    def function() -> None: ...

    common = bench.common
    assert common.own(function).__code__ is not common.own(function).__code__
    assert common.loop("pass").__code__ is not common.loop("pass").__code__


def test_both_sides_of_every_case_run(bench: ModuleType) -> None:
    """A case is a statement that both sides carry out, and each answers with the time it took."""
    for case in bench.cases(largest=1_000):
        for unroll in (1, 10):
            for side in case.pair(unroll):
                assert side(unroll) > 0, case.what


def test_the_budget_names_every_case_that_is_counted(bench: ModuleType) -> None:
    """A new case needs a budget, and an old budget needs a case."""
    budget = json.loads((BENCHMARKS / "budget.json").read_text())
    counted = [case.what for case, _ in bench.stretches() if case.against]
    assert list(budget["operations"]) == counted


@pytest.mark.bare
@pytest.mark.skipif("THEUS_DEEP" not in os.environ, reason="takes valgrind: make test-deep")
def test_nothing_costs_more_than_its_budget() -> None:
    """Instructions, crossings and allocations of one operation stay within the budget file."""
    command = [sys.executable, str(BENCHMARKS / "bench_count.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "the budget is of" in done.stderr or "needs valgrind" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
