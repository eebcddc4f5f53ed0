"""Engines in both modes, a small context, and a check of the world after each test."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, _kernel


@dataclass
class Limits(BaseGlobalContext):
    """Settings of the sample context."""

    most: int = 1000


@dataclass
class Bank(BaseDomainContext):
    """State of the sample context: a scalar, a list and a dict."""

    balance: int = 100
    history: list[int] = field(default_factory=list)
    accounts: dict[str, int] = field(default_factory=dict)


@dataclass
class System(BaseSystemContext):
    """Root of the sample context."""

    global_ctx: Limits = field(default_factory=Limits)
    domain_ctx: Bank = field(default_factory=Bank)


def pytest_sessionfinish() -> None:
    """Give back to the collector what world() froze: plugins ask it who refers to what."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def world(request: pytest.FixtureRequest) -> Iterator[None]:
    """Law: after a test the kernel has no more open handles than before it.

    What outlives a test is frozen: the collections of later ones need not walk it again, which took
    four fifths of the time of the suite.
    """
    before = _kernel.live() if _kernel.started() else 0
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        return  # a failed test keeps its frames, and with them what they hold
    gc.collect()
    gc.freeze()
    after = _kernel.live() if _kernel.started() else 0
    assert after <= before, f"{after - before} handles of the kernel are still open"


@pytest.fixture(params=[True, False], ids=["strict", "training"])
def strict_mode(request: pytest.FixtureRequest) -> bool:
    """Each test that uses this, or build, or engine, runs once per mode."""
    return bool(request.param)


@pytest.fixture
def build(strict_mode: bool) -> Iterator[Callable[..., TheusEngine]]:
    """build(ctx) makes an engine in the mode of the test; all are closed after it."""
    engines: list[TheusEngine] = []

    def make(ctx: Any = None) -> TheusEngine:
        engines.append(TheusEngine(System() if ctx is None else ctx, strict_mode=strict_mode))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(build: Callable[..., TheusEngine]) -> TheusEngine:
    """An engine over the sample context."""
    return build()
