"""The pytest plugin: fixtures, and what a failed comparison of two pictures says.

pytest loads it wherever theus is installed. It starts no kernel by itself.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine
from theus.testing import Commits, FakeClock, Picture, record_commits


def bare(base: type) -> Any:
    """A layer without fields. Who forgot to override the context reads its name in an error."""
    return type("OverrideTheusContext", (base,), {})()


@pytest.fixture
def theus_context() -> object:
    """Give the context that the engines below run on. Override it with one of yours."""
    return BaseSystemContext(bare(BaseGlobalContext), bare(BaseDomainContext))


@pytest.fixture
def theus_engine(theus_context: Any) -> Iterator[TheusEngine[Any]]:
    """Give a strict engine over theus_context, closed after the test."""
    with TheusEngine(theus_context, strict_mode=True) as engine:
        yield engine


@pytest.fixture
def theus_training_engine(theus_context: Any) -> Iterator[TheusEngine[Any]]:
    """Give an engine over theus_context in training mode, closed after the test."""
    with TheusEngine(theus_context, strict_mode=False) as engine:
        yield engine


@pytest.fixture
def theus_commits(theus_engine: TheusEngine[Any]) -> Iterator[Commits]:
    """Give what theus_engine commits during the test."""
    with record_commits(theus_engine) as commits:
        yield commits


@pytest.fixture
def theus_clock() -> Iterator[FakeClock]:
    """Give a clock that stands still at 2000-01-01 UTC until the test moves it."""
    with FakeClock() as clock:
        yield clock


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say what changed where `assert before == freeze(ctx)` fails."""
    if op == "==" and isinstance(left, Picture) and isinstance(right, Picture):
        return ["the context changed", *left.changes(right)]
    return None
