"""Contracts as annotations, workflows and machines, as strict type checkers see them."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, assert_type

from theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    In,
    Out,
    Ref,
    TheusEngine,
    process,
)
from theus.contracts import Reference
from theus.orchestrator import StateMachine, Transition, WorkflowManager


@dataclass
class Settings(BaseGlobalContext):
    """Settings."""

    rate: float = 0.5


@dataclass
class Ledger(BaseDomainContext):
    """State."""

    balance: float = 100.0
    lines: list[str] = field(default_factory=list[str])


@dataclass
class System(BaseSystemContext):
    """The root, with the types of its layers."""

    global_ctx: Settings = field(default_factory=Settings)
    domain_ctx: Ledger = field(default_factory=Ledger)


@process
def settle(
    rate: Annotated[float, In["global.rate"]],
    lines: Annotated[list[str], Out["domain.lines"]],
    balance: Annotated[Reference[float], Ref["domain.balance"]],
    note: str = "settled",
) -> float:
    """Pay interest: what a parameter is called and typed is what the body works with."""
    assert_type(balance.value, float)
    balance.value *= 1 + rate
    lines.append(note)
    return balance.value


@process(inputs=["domain.lines"], outputs=["domain.balance"])
async def audit(ctx: System) -> int:
    """A process may be async."""
    await asyncio.sleep(0)
    ctx.domain.balance = round(ctx.domain.balance)
    return len(ctx.domain.lines)


def machine(engine: TheusEngine[System]) -> list[str]:
    """Drive a machine by hand."""
    with WorkflowManager(engine) as manager:
        manager.load_workflow(
            {
                "states": {
                    "IDLE": {"on": {"GO": "BUSY"}},
                    "BUSY": {"entry": "settle", "on": {"EVT_CHAIN_DONE": "IDLE"}},
                }
            }
        )
        assert_type(manager.fsm, StateMachine)
        manager.process_signal("GO")
        manager.process_signal(manager.bus.get())
        assert_type(manager.fsm.history, tuple[Transition, ...])
        return [move.target for move in manager.fsm.history]


def main() -> None:
    """Run each of them once."""
    direct = Reference.of(10.0)
    print(settle(0.5, [], direct))  # an ordinary call, whose arguments are checked
    with TheusEngine(System()) as engine:
        engine.register_process("settle", settle)
        engine.register_process("audit", audit)
        engine.execute_workflow({"steps": ["settle"]}, note="by a workflow")
        for step in engine.start_workflow(["settle"]):
            assert_type(step.process, str)
        print(machine(engine), asyncio.run(engine.execute_process_async("audit")))
        print(engine.matrix()["settle"]["global_ctx.rate"], engine.ctx.domain)


if __name__ == "__main__":
    main()
