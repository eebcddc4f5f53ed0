"""What a type checker sees of theus. Never executed: mypy --strict reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, assert_type

import theus
from theus.contracts import ContractMatrix, ProcessContract, Reference
from theus.delta import Commit, DeltaEntry
from theus.guards import ContextLoggerAdapter
from theus.interfaces import IEngine, IOrchestrator, IScheduler
from theus.locks import LockManager
from theus.orchestrator import (
    SignalBus,
    State,
    StateMachine,
    ThreadExecutor,
    Transition,
    WorkflowManager,
)
from theus.viz import Picture, draw
from theus.zones import ContextZone, resolve_zone


@dataclass
class Domain(theus.BaseDomainContext):
    """A layer with a typed field."""

    balance: int = 0


@dataclass
class System(theus.BaseSystemContext):
    """A root with a typed layer."""

    domain_ctx: Domain


@theus.process(
    inputs=["domain.balance"], outputs=("domain.balance",), errors=[ValueError, "OSError"]
)
def debit(ctx: System, amount: int) -> int:
    """Keep its signature below the decorator."""
    assert_type(ctx.domain_ctx.balance, int)
    assert_type(ctx.local, SimpleNamespace)
    assert_type(ctx.log, ContextLoggerAdapter)
    ctx.local.any_name = 1
    ctx.log.info("debited", amount=amount)
    return ctx.domain_ctx.balance - amount


assert_type(debit(System(None, Domain()), amount=1), int)

theus.process(inputs="domain.balance", outputs=[])  # type: ignore[call-overload]
theus.process(inputs=[])  # type: ignore[call-overload]
theus.process(inputs=[], outputs=[], errors=[int])  # type: ignore[list-item]


@theus.process
def settle(
    rate: Annotated[float, theus.In["domain.rate"]],
    balance: Annotated[Reference[float], theus.Ref["domain.balance"]],
    log: Annotated[list[str], theus.Out["domain.log"]],
) -> float:
    """Parameters have the types of what they stand for."""
    balance.value *= 1 + rate
    log.append("settled")
    assert_type(balance.value, float)
    return rate


assert_type(settle(0.1, Reference.of(1.0), []), float)
assert_type(ProcessContract([], []).merge(ProcessContract([], [])), ProcessContract)

engine = theus.TheusEngine(System(None, Domain()), strict_mode=True)
theus.TheusEngine(System(None, Domain()), strict_mode="no")  # type: ignore[arg-type]
assert_type(engine.ctx, System)
assert_type(engine.strict_mode, bool)
assert_type(engine.version, int)
assert_type(engine.lock_manager, LockManager)
assert_type(engine.run_process("debit", amount=1), Any)
assert_type(engine.execute_process("debit", amount=1), Any)
assert_type(engine.get_process("debit"), Callable[..., Any])
engine.register_process("debit", debit)
engine.register_process(debit, "debit")  # type: ignore[arg-type]
engine.scan_and_register("processes")

with engine.edit() as ctx:
    assert_type(ctx, System)
    assert_type(ctx.domain, Domain)

with theus.TheusEngine(System(None, Domain())) as entered:
    assert_type(entered, theus.TheusEngine[System])


@engine.on_commit
def seen(commit: Commit) -> None:
    """A listener comes back as it is."""
    assert_type(commit.writes, tuple[DeltaEntry, ...])


def written(entries: tuple[DeltaEntry, ...]) -> list[str]:
    """The path of a record is text."""
    return [entry.path for entry in entries]


assert_type(resolve_zone("sig_go"), ContextZone)
assert_type(Domain().get_zone("sig_go"), ContextZone)
assert_type(Domain().to_dict(exclude_zones=[ContextZone.META]), dict[str, Any])
assert_type(ProcessContract([], []).errors, list[type[BaseException] | str])
assert_type(theus.plain([1]), Any)
assert_type(engine.matrix(), ContractMatrix)
assert_type(theus.__version__, str)


def caught(error: theus.AccessDeniedError) -> tuple[str, str, str]:
    """A denial is both built-ins that users catch, and carries its parts."""
    both: tuple[theus.ContractViolationError, PermissionError] = (error, error)
    frozen: type[TypeError] = theus.FrozenInputError
    code: str = theus.FrozenInputError.code
    contract: ProcessContract | None = error.contract
    allowed: tuple[str, ...] = error.allowed
    assert_type(theus.explain(error), str)
    del both, frozen, code, contract, allowed
    return error.process, error.path, error.hint


def use(runs: IEngine) -> Any:
    """An IEngine runs processes by name."""
    return runs.execute_process("debit", amount=1)


def machines(manager: WorkflowManager, bus: SignalBus, executor: ThreadExecutor) -> None:
    """A machine says states and steps; a scheduler keeps the type of a result."""
    assert_type(manager.fsm, StateMachine)
    assert_type(manager.fsm.current_state, str)
    assert_type(manager.fsm.trigger("GO"), list[str | dict[str, Any]])
    assert_type(manager.fsm.history, tuple[Transition, ...])
    assert_type(manager.fsm.states["IDLE"], State)
    assert_type(executor.submit(len, "abc").result(), int)
    assert_type(bus.get(timeout=0.1), Any)
    assert_type(draw(manager), Picture)
    scheduler: IScheduler = executor
    orchestrator: IOrchestrator = manager
    del scheduler, orchestrator
