"""Train a taxi driver through contracts: python -m examples.agent [--episodes N] [--picture PNG]"""

import argparse
import sys
import time
from pathlib import Path

from tqdm import tqdm

from theus import TheusEngine

from .context import ENVIRONMENT, Config, System, new_system
from .exam import evaluate
from .mishaps import WRITTEN, crash, peek, provoke
from .processes import act, begin, finish, learn, perceive
from .report import MILESTONES, comparison, curve, milestone, traces

GOAL = 7.0  # mean return of a driver who knows the town; the best possible is about 8


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
    engine = TheusEngine(system, strict_mode=True)
    for step in (begin, act, perceive, learn, finish, evaluate, crash, peek):
        engine.register_process(step.__name__, step)

    print(f"Q-learning on {ENVIRONMENT}: {config.episodes} episodes, every step a strict process\n")
    chance = engine.execute_process("evaluate", policy="random")
    started = time.perf_counter()
    train(engine, system)
    taken = time.perf_counter() - started
    learned = engine.execute_process("evaluate", policy="greedy")

    print(f"\nBefore and after, on {len(config.exam)} episodes that training never saw:\n")
    print(comparison(chance, learned, len(config.exam)))
    curve(system.domain_ctx, chance, config.episodes // 2, args.picture)
    print(f"\n{engine.version:,} commits in {taken:.1f} s; learning curve: {args.picture}")
    if chance.mean < GOAL <= learned.mean:
        print(f"Reached: {learned.mean:.2f} is above the goal of {GOAL:.2f}.")
        return 0
    print(f"NOT reached: {learned.mean:.2f}, the goal is {GOAL:.2f}.", file=sys.stderr)
    return 1


def train(engine: TheusEngine, system: System) -> None:
    """Drive the episodes. This loop holds no state of its own: it asks the context."""
    domain, config, run = system.domain_ctx, system.global_ctx, engine.execute_process
    print(MILESTONES)
    with tqdm(total=config.episodes, unit=" episodes", disable=None) as bar:
        while domain.episode < config.episodes:
            run("begin")
            while not domain.done:
                run("act")
                run("perceive")
                run("learn")
            run("finish")
            bar.update()
            if domain.episode % max(1, config.episodes // 10) == 0:
                tqdm.write(milestone(domain, run("evaluate", policy="greedy")))
            if domain.episode == config.episodes // 2:
                tqdm.write(misbehave(engine))


def misbehave(engine: TheusEngine) -> str:
    """Half way: a process that crashes and one that pries; training goes on as if neither had."""
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
