"""The training itself: events in, milestones out, and two mishaps half way."""

from tqdm import tqdm

from theus.interfaces import IEngine
from theus.orchestrator import Completion, WorkflowManager

from .context import System
from .mishaps import WRITTEN, provoke
from .report import MILESTONES, milestone, traces


def train(manager: WorkflowManager, system: System) -> None:
    """Hand events to the machine until it is done. What is trained, and when, it says."""
    domain, machine, bus = system.domain_ctx, manager.fsm, manager.bus
    print(MILESTONES)
    bus.emit("CMD_TRAIN")
    with tqdm(total=system.global_ctx.episodes, unit=" episodes", disable=None) as bar:
        while machine.current_state not in ("DONE", "FAILED"):
            event = bus.get(timeout=0.1)
            bar.update(domain.episode - bar.n)
            if isinstance(event, Completion) and event == "EVT_CHAIN_DONE":
                if event.state == "EVALUATE":
                    tqdm.write(milestone(domain, domain.exams[-1]))
                elif event.state == "PAUSE":
                    tqdm.write(misbehave(manager.engine))
                    bus.emit("CMD_RESUME")
            manager.process_signal(event)
    if machine.current_state == "FAILED":
        raise RuntimeError("training failed; the log says why")


def misbehave(engine: IEngine) -> str:
    """In the pause one process crashes and one pries; training goes on as if neither had."""
    crashed, fields = provoke(engine, "crash")
    denied, _ = provoke(engine, "peek")
    return (
        f"\n  Half way, a process writes three fields and crashes:\n\n{indent(crashed)}\n\n"
        f"{traces(fields, WRITTEN)}\n\n"
        f"  Another reads what its contract does not name:\n\n{indent(denied)}\n"
    )


def indent(text: str) -> str:
    """Set a message off from the log around it."""
    return "\n".join("    " + line for line in text.splitlines())
