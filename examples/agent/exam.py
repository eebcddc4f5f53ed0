"""How good is a policy? Judged on episodes that training never sees, in a taxi of its own."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from theus import process

from .context import Exam, System


@process(
    inputs=["global_ctx.exam", "domain_ctx.episode", "domain_ctx.heavy_q"],
    outputs=["domain_ctx.heavy_exam", "domain_ctx.exams"],
)
def evaluate(ctx: System, policy: str) -> Exam:
    """Let a policy ("greedy" or "random") drive the exam episodes, and file what it earned.

    The Q table is an input: it arrives read-only, so an exam cannot become a lesson.
    """
    domain = ctx.domain_ctx
    q = np.asarray(domain.heavy_q)
    if policy == "greedy":
        choose = q.argmax(axis=1).tolist().__getitem__
    else:
        dice = random.Random(0)
        choose = lambda seen: dice.randrange(q.shape[1])  # noqa: E731
    drives = [drive(domain.heavy_exam, seed, choose) for seed in ctx.global_ctx.exam]
    earned, steps, delivered = zip(*drives, strict=True)
    n = len(drives)
    exam = Exam(
        policy, domain.episode, sum(earned) / n, min(earned), sum(steps) / n, sum(delivered)
    )
    domain.exams.append(exam)
    return exam


def drive(env: Any, seed: int, choose: Callable[[int], int]) -> tuple[float, int, bool]:
    """Drive one episode: what it earned, its steps, whether the passenger came home."""
    seen, _ = env.reset(seed=seed)
    earned, steps, terminated, truncated = 0.0, 0, False, False
    while not (terminated or truncated):
        seen, reward, terminated, truncated, _ = env.step(choose(seen))
        earned += float(reward)
        steps += 1
    return earned, steps, terminated
