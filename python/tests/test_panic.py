"""A bug inside the kernel is one exception, and the process lives on."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from harness import World

from theus import KernelPanic, TheusEngine, process


@pytest.fixture
def broken() -> World:
    """A world whose engine has just met a bug of its own."""
    world = World(n=1)
    world.run(lambda ctx: setattr(ctx.domain, "n", 2))
    with pytest.raises(KernelPanic):
        world.engine._panic()
    return world


def test_the_message_says_what_to_report() -> None:
    """It is a KernelPanic that asks for a report and shows where the kernel was."""
    world = World(n=1)
    with pytest.raises(KernelPanic) as caught:
        world.engine._panic()
    text = str(caught.value)
    assert "report" in text
    assert re.search(r"\.go:\d+", text)
    assert isinstance(caught.value, RuntimeError)


REFUSED: dict[str, Callable[[TheusEngine], Any]] = {
    "run": lambda engine: engine.run_process("set"),
    "edit": lambda engine: engine.edit().__enter__(),
    "register": lambda engine: engine.register_process("x", process([], [])(lambda ctx: None)),
    "permission": lambda engine: engine._permission("set", "domain.n"),
}


@pytest.mark.parametrize("use", REFUSED)
def test_a_broken_engine_refuses_work(use: str) -> None:
    """After a panic each further use is a KernelPanic, never a wrong answer; state stays."""
    world = World(n=1)
    world.engine.register_process(
        "set", process([], ["domain"])(lambda ctx: setattr(ctx.domain, "n", 3))
    )
    world.engine.run_process("set")
    with pytest.raises(KernelPanic):
        world.engine._panic()
    for _ in range(2):
        with pytest.raises(KernelPanic):
            REFUSED[use](world.engine)
    assert (world.domain.n, world.engine.version) == (3, 1)


def test_other_engines_live_on(broken: World) -> None:
    """Another engine, made before or after, works; also over the same context."""
    fresh = World(n=1)
    fresh.run(lambda ctx: setattr(ctx.domain, "n", 2))
    broken.engine.close()
    again = TheusEngine(broken.ctx, strict_mode=True)
    again.register_process("set", process([], ["domain"])(lambda ctx: setattr(ctx.domain, "n", 9)))
    again.run_process("set")
    assert (fresh.domain.n, broken.domain.n) == (2, 9)


def test_a_panic_inside_a_process_rolls_back() -> None:
    """The error passes unwrapped through the process, and nothing it wrote stays."""
    world = World(n=1)

    def body(ctx: Any) -> None:
        ctx.domain.n = 2
        world.engine._panic()

    with pytest.raises(KernelPanic):
        world.run(body)
    assert world.domain.n == 1
    with pytest.raises(KernelPanic):
        world.run(lambda ctx: None)


def test_a_panic_that_a_process_hides_commits_nothing() -> None:
    """A process that swallows the error cannot commit on a broken kernel."""
    world = World(n=1)

    def body(ctx: Any) -> None:
        ctx.domain.n = 2
        with pytest.raises(KernelPanic):
            world.engine._panic()

    with pytest.raises(KernelPanic):
        world.run(body)
    assert world.domain.n == 1


def test_closing_a_broken_engine(broken: World) -> None:
    """It can be closed, twice."""
    broken.engine.close()
    broken.engine.close()
