"""All state of the agent: what is fixed in global_ctx, what changes in domain_ctx.

The prefix heavy_ marks what is big or foreign: the kernel hands it out by reference, never copies
it and never rolls it back. Everything else is rolled back when a process fails.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext

# Gymnasium retires old versions of an environment; any that is served will do.
ENVIRONMENT = max(name for name in gymnasium.registry if name.startswith("Taxi-v"))


@dataclass
class Config(BaseGlobalContext):
    """How to learn, and on what to be examined. No process may write it."""

    episodes: int = 4000
    alpha: float = 0.15  # how far one experience moves a value
    gamma: float = 0.99  # how much tomorrow counts
    epsilon_first: float = 1.0  # explore always ...
    epsilon_last: float = 0.02  # ... and, in the last quarter, hardly
    seed: int = 0  # training episodes are reset with seed + 0, 1, 2 ...
    exam: range = range(10_000_000, 10_000_200)  # and never with these


@dataclass(frozen=True)
class Exam:
    """What a policy earned on the exam episodes."""

    policy: str
    episode: int  # how many episodes it had learned from
    mean: float
    worst: float
    steps: float
    delivered: int  # passengers brought home


@dataclass
class Agent(BaseDomainContext):
    """What the agent sees, does and knows."""

    heavy_q: NDArray[np.float64]  # value of each action in each state
    heavy_env: Any  # the taxi it learns in
    heavy_exam: Any  # the taxi it is examined in
    heavy_dice: random.Random
    previous: int = 0
    action: int = 0
    reward: float = 0.0
    observation: int = 0
    terminated: bool = False  # the passenger is home
    done: bool = False  # that, or the time is up
    episode: int = 0
    lesson_end: int = 0  # the episode at which the next exam is due
    epsilon: float = 1.0
    earned: float = 0.0  # in this episode
    returns: list[float] = field(default_factory=list)  # one per episode
    exams: list[Exam] = field(default_factory=list)
    pauses: int = 0
    cmd_pause: bool = False  # a signal: the state machine hears of it, no process reads it


@dataclass
class System(BaseSystemContext):
    """The root; its annotations are what your editor completes inside a process."""

    global_ctx: Config
    domain_ctx: Agent


def new_system(config: Config) -> System:
    """Make an agent that knows nothing yet."""
    env, exam = (gymnasium.make(ENVIRONMENT, disable_env_checker=True) for _ in range(2))
    q = np.zeros((env.observation_space.n, env.action_space.n))  # type: ignore[attr-defined]
    return System(config, Agent(q, env, exam, random.Random(config.seed)))
