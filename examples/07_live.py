"""A long-running machine, live on a terminal; ^C ends the firing. A pipe gets plain lines."""

import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
from theus.orchestrator import WorkflowManager

MACHINE = """
name: kiln
initial: FIRING
states:
  FIRING:
    entry: {flux: try, do: burn, catch: {OutOfGas: change_bottle}}
    on: {CMD_STOP: COOLING, EVT_CHAIN_DONE: [{target: SOAK, when: domain.degrees >= 1000}, FIRING]}
  SOAK:
    entry: soak
    on: {CMD_STOP: COOLING, EVT_CHAIN_DONE: [{target: COOLING, when: domain.soaked >= 8}, SOAK]}
  COOLING:
    entry: vent
    on: {EVT_CHAIN_DONE: [{target: COLD, when: domain.degrees <= 60}, COOLING]}
  COLD: {}
"""


class OutOfGas(Exception):
    """The flame is out."""


@dataclass
class Kiln(BaseDomainContext):
    """What the kiln knows of itself."""

    minute: int = 0
    degrees: int = 20
    gas: int = 30
    soaked: int = 0


@process(inputs=[], outputs=["domain.minute", "domain.degrees", "domain.gas"], errors=[OutOfGas])
def burn(ctx: Any) -> None:
    """Heat for a minute. That there is not enough gas is found out late, and takes it all back."""
    ctx.domain.minute += 1
    ctx.domain.degrees += 35
    ctx.domain.gas -= 2
    if ctx.domain.gas < 0:
        raise OutOfGas


@process(inputs=[], outputs=["domain.gas"])
def change_bottle(ctx: Any) -> None:
    """Go on with a full one."""
    ctx.domain.gas = 30


@process(inputs=[], outputs=["domain.minute", "domain.soaked"])
def soak(ctx: Any) -> None:
    """Keep the heat for a minute."""
    ctx.domain.minute += 1
    ctx.domain.soaked += 1


@process(inputs=[], outputs=["domain.minute", "domain.degrees"])
def vent(ctx: Any) -> None:
    """Cool for a minute, the faster the hotter it is."""
    ctx.domain.minute += 1
    ctx.domain.degrees -= (ctx.domain.degrees - 20) // 5 + 2


def view(manager: WorkflowManager) -> Panel:
    """The machine with the state it is in, and the state of its context."""
    kiln, now = manager.engine.ctx.domain, manager.fsm.current_state
    states = (Text(f" {s} ", "black on yellow" if s == now else "dim") for s in manager.fsm.states)
    heat = Text("\u2588" * (kiln.degrees // 25) + f" {kiln.degrees} degrees", "red")
    parts = Text(" > ").join(states), heat, Text(f"{kiln.gas} of gas")
    return Panel(Group(*parts), title=f"kiln, minute {kiln.minute}", width=60)


def main() -> None:
    """Fire until it is cold."""
    kiln = Kiln()
    engine = TheusEngine(BaseSystemContext(None, kiln))
    for each in (burn, change_bottle, soak, vent):
        engine.register_process(each.__name__, each)
    shown = Live() if sys.stdout.isatty() else nullcontext()
    with WorkflowManager(engine) as manager, shown as live:
        manager.load_workflow(MACHINE)
        manager.start()
        while manager.fsm.current_state != "COLD":
            try:
                event = manager.bus.get()  # a program has ended
                time.sleep(0.1 if live else 0)
            except KeyboardInterrupt:
                event = "CMD_STOP"
            line = f"{kiln.minute:3} min {kiln.degrees:5} degrees"
            manager.process_signal(event)
            move = manager.fsm.history[-1]
            if live:
                live.update(view(manager))
            elif move.source != move.target:
                print(f"{line}  {move.source} -> {move.target}")
    print(f"{engine.version} commits")


if __name__ == "__main__":
    main()

# Output:
#  28 min  1000 degrees  FIRING -> SOAK
#  36 min  1000 degrees  SOAK -> COOLING
#  50 min    55 degrees  COOLING -> COLD
# 51 commits
