"""Train a taxi driver through contracts: python -m examples.agent [--episodes N] [--picture PNG]"""

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from theus import TheusEngine
from theus.interfaces import IEngine
from theus.orchestrator import Completion, WorkflowManager

from .context import ENVIRONMENT, Config, System, new_system
from .exam import evaluate
from .mishaps import WRITTEN, crash, peek, provoke
from .processes import act, begin, finish, learn, perceive, plan, rest
from .report import MILESTONES, comparison, curve, milestone, moves, traces

GOAL = 7.0  # mean return of a driver who knows the town; the best possible is about 8
MACHINE = Path(__file__).with_name("agent.yaml")


def main() -> int:
    """Examine chance, train, misbehave half way, examine again; 0 if the goal is reached."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--episodes", type=int, default=Config.episodes)
    options.add_argument("--picture", type=Path, default=Path("build/demo/learning_curve.png"))
    args = options.parse_args()
    if args.episodes < 1:
        options.error("--episodes: at least one")

    config = Config(episodes=args.episodes)
    system = new_system(config)
    engine = TheusEngine(system, strict_mode=True, max_ops=1_000_000)
    for step in (begin, act, perceive, learn, finish, plan, rest, evaluate, crash, peek):
        engine.register_process(step.__name__, step)
    manager = WorkflowManager(engine)
    manager.load_workflow(MACHINE)

    print(f"Q-learning on {ENVIRONMENT}: {config.episodes} episodes, every step a strict process\n")
    chance = engine.execute_process("evaluate", policy="random")
    started = time.perf_counter()
    train(manager, system)
    taken = time.perf_counter() - started
    learned = system.domain_ctx.exams[-1]

    print(f"\nBefore and after, on {len(config.exam)} episodes that training never saw:\n")
    print(comparison(chance, learned, len(config.exam)))
    print(f"\nThe state machine of {MACHINE.name} made these moves:\n")
    print(moves(manager.fsm.history))
    curve(system.domain_ctx, chance, config.episodes // 2, args.picture)
    print(f"\n{engine.version:,} commits in {taken:.1f} s; learning curve: {args.picture}")
    engine.close()
    if chance.mean < GOAL <= learned.mean:
        print(f"Reached: {learned.mean:.2f} is above the goal of {GOAL:.2f}.")
        return 0
    print(f"NOT reached: {learned.mean:.2f}, the goal is {GOAL:.2f}.", file=sys.stderr)
    return 1


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


if __name__ == "__main__":
    sys.exit(main())
