"""Training mode hands the process the raw context and does nothing else."""

from typing import Any

import pytest
from harness import Undeclared, World

from theus import TheusEngine, UnknownProcessError, process


@pytest.fixture
def world() -> World:
    """A world in training mode."""
    return World(strict=False, n=1, items=[1], _secret=5)


def test_the_process_gets_the_context_itself(world: World) -> None:
    """The very object, with everything in it, private and undeclared names included."""
    assert world.run(lambda ctx: ctx, outputs=[]) is world.ctx
    assert world.run(lambda ctx: ctx.domain_ctx._secret, outputs=[]) == 5
    assert world.run(lambda ctx: ctx.domain_ctx.items, outputs=[]) is world.domain.items


def test_writes_are_immediate_and_stay(world: World) -> None:
    """No guard, no transaction, no rollback."""

    def body(ctx: Any) -> None:
        ctx.domain_ctx.n = 2
        assert world.domain.n == 2
        ctx.domain_ctx.items.append(2)
        raise Undeclared("as it is")

    with pytest.raises(Undeclared, match="as it is"):
        world.run(body, outputs=[])
    assert (world.domain.n, world.domain.items, world.engine.version) == (2, [1, 2], 0)


def test_any_value_may_live_there(world: World) -> None:
    """What strict mode refuses is nobody's business here."""
    world.run(lambda ctx: setattr(ctx.domain_ctx, "x", {1, 2}), outputs=[])
    assert world.domain.x == {1, 2}


def test_edit_gives_the_context(world: World) -> None:
    """edit() works in both modes; here it is the context, and nothing is undone."""
    with world.engine.edit() as ctx:
        assert ctx is world.ctx
        ctx.domain_ctx.n = 2
    assert world.domain.n == 2


def test_arguments_and_results_pass(world: World) -> None:
    """Arguments, defaults and results are those of the function; errors are Python's own."""
    mark = object()
    assert world.run(lambda ctx, x, y=2: (x, y), x=mark) == (mark, 2)
    with pytest.raises(TypeError, match="unexpected keyword"):
        world.run(lambda ctx, x: x, y=1)


def test_unknown_processes_and_bad_contracts_are_refused_here_too(world: World) -> None:
    """What is registered is checked in either mode."""
    with pytest.raises(UnknownProcessError):
        world.engine.run_process("nothing")
    with pytest.raises(TypeError, match="outputs"):
        world.engine.register_process("bad", process([], "domain")(lambda ctx: None))  # type: ignore[arg-type]


def test_signals_as_inputs_are_accepted(world: World) -> None:
    """The zone policy belongs to strict mode."""
    world.domain.sig_go = True
    assert world.run(lambda ctx: ctx.domain_ctx.sig_go, inputs=["domain.sig_go"])


def test_processes_nest_freely(world: World) -> None:
    """There is no transaction, so there is no bound of nesting but Python's."""

    @process([], [])
    def down(ctx: Any, left: int) -> int:
        return left if left == 0 else int(world.engine.run_process("down", left=left - 1))

    world.engine.register_process("down", down)
    assert world.engine.run_process("down", left=100) == 0


def test_one_contract_two_modes() -> None:
    """A well-behaved process leaves the same in both modes."""

    def body(ctx: Any) -> list[int]:
        ctx.domain_ctx.items.append(len(ctx.domain_ctx.items))
        ctx.domain_ctx.n += 1
        return list(ctx.domain_ctx.items)

    strict, training = World(n=1, items=[5]), World(strict=False, n=1, items=[5])
    assert strict.run(body) == training.run(body) == [5, 1]
    assert vars(strict.domain) == vars(training.domain)
    assert isinstance(training.engine, TheusEngine)
    assert (strict.engine.strict_mode, training.engine.strict_mode) == (True, False)
