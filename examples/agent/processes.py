"""What the agent does, one process per step: begin, then act, perceive, learn until done, finish.

agent.yaml says in which order. Around the lessons stand plan, which sets the next exam, and rest.
A contract says all that its process can touch; the kernel refuses the rest. So these are facts,
not habits: act cannot learn, learn cannot move the taxi, and no one can change the rules.
"""

import numpy as np

from theus import process

from .context import System


@process(
    inputs=["global_ctx", "domain_ctx.episode"],
    outputs=[
        "domain_ctx.heavy_env",
        "domain_ctx.observation",
        "domain_ctx.done",
        "domain_ctx.earned",
        "domain_ctx.epsilon",
    ],
)
def begin(ctx: System) -> None:
    """Start an episode: a new passenger, and a little less curiosity."""
    config, domain = ctx.global_ctx, ctx.domain_ctx
    domain.observation, _ = domain.heavy_env.reset(seed=config.seed + domain.episode)
    domain.done = False
    domain.earned = 0.0
    left = max(0.0, 1 - domain.episode / (0.75 * config.episodes))
    domain.epsilon = config.epsilon_last + left * (config.epsilon_first - config.epsilon_last)


@process(
    inputs=["domain_ctx.observation", "domain_ctx.epsilon", "domain_ctx.heavy_q"],
    outputs=["domain_ctx.action", "domain_ctx.heavy_dice"],
)
def act(ctx: System) -> None:
    """Choose: now and then anything, otherwise what has paid best so far."""
    domain = ctx.domain_ctx
    values = np.asarray(domain.heavy_q)[domain.observation]  # a read-only view, no copy
    if domain.heavy_dice.random() < domain.epsilon:
        domain.action = domain.heavy_dice.randrange(len(values))
    else:
        domain.action = int(values.argmax())


@process(
    inputs=["domain_ctx.action"],
    outputs=[
        "domain_ctx.heavy_env",
        "domain_ctx.previous",
        "domain_ctx.observation",
        "domain_ctx.reward",
        "domain_ctx.terminated",
        "domain_ctx.done",
        "domain_ctx.earned",
    ],
)
def perceive(ctx: System) -> None:
    """Let the world answer the action, and take in what it shows."""
    domain = ctx.domain_ctx
    seen, reward, terminated, truncated, _ = domain.heavy_env.step(domain.action)
    domain.previous, domain.observation = domain.observation, seen
    domain.reward = float(reward)
    domain.terminated = terminated
    domain.done = terminated or truncated
    domain.earned += domain.reward


@process(
    inputs=[
        "global_ctx.alpha",
        "global_ctx.gamma",
        "domain_ctx.previous",
        "domain_ctx.action",
        "domain_ctx.reward",
        "domain_ctx.observation",
        "domain_ctx.terminated",
    ],
    outputs=["domain_ctx.heavy_q"],
)
def learn(ctx: System) -> None:
    """Q-learning: move the value of what was done towards what it turned out to be worth."""
    domain = ctx.domain_ctx
    q = domain.heavy_q  # declared as an output: the array itself
    future = 0.0 if domain.terminated else ctx.global_ctx.gamma * q[domain.observation].max()
    cell = domain.previous, domain.action
    q[cell] += ctx.global_ctx.alpha * (domain.reward + future - q[cell])


@process(
    inputs=["domain_ctx.earned", "global_ctx.episodes"],
    outputs=["domain_ctx.returns", "domain_ctx.episode", "domain_ctx.cmd_pause"],
)
def finish(ctx: System) -> None:
    """Book the episode; half way, ask for a pause."""
    domain = ctx.domain_ctx
    domain.returns.append(domain.earned)
    domain.episode += 1
    if domain.episode == ctx.global_ctx.episodes // 2:
        domain.cmd_pause = True


@process(inputs=["global_ctx.episodes", "domain_ctx.episode"], outputs=["domain_ctx.lesson_end"])
def plan(ctx: System) -> None:
    """Set the next exam: ten of them in all, and one half way."""
    episode, episodes = ctx.domain_ctx.episode, ctx.global_ctx.episodes
    length = max(1, episodes // 10)
    ends = [(episode // length + 1) * length, episodes]
    if episode < episodes // 2:
        ends.append(episodes // 2)
    ctx.domain_ctx.lesson_end = min(ends)


@process(inputs=[], outputs=["domain_ctx.pauses"])
def rest(ctx: System) -> None:
    """Do nothing but say so."""
    ctx.domain_ctx.pauses += 1
