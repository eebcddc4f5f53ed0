"""Two processes that misbehave in the middle of training, and the proof that nothing came of it."""

import hashlib
import pickle
from dataclasses import fields

from theus import ContractViolationError, process
from theus.interfaces import IEngine

from .context import System

WRITTEN = ["domain_ctx.episode", "domain_ctx.epsilon", "domain_ctx.returns"]


@process(inputs=[], outputs=WRITTEN)
def crash(ctx: System) -> None:
    """Write three fields, all of them declared, and fail with an error that is not."""
    domain = ctx.domain_ctx
    domain.episode = -1
    domain.epsilon = 99.0
    domain.returns.append(12345.0)
    seen = f"episode={domain.episode}, epsilon={domain.epsilon}, returns[-1]={domain.returns[-1]}"
    raise OSError(f"disk full, with {seen}")


@process(inputs=["global_ctx.seed"], outputs=["domain_ctx.heavy_q"])
def peek(ctx: System) -> None:
    """Look up which episodes the exam will use: not what the contract allows to know."""
    print("the exam will be", ctx.global_ctx.exam)


def provoke(engine: IEngine, name: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """Run a process that must fail and leave no trace, or the demo ends here.

    Returns what the kernel said, and the digest of each field before and after.
    """
    before = fingerprints(engine.ctx)
    try:
        engine.execute_process(name)
    except ContractViolationError as error:
        after = fingerprints(engine.ctx)
        if before == after:
            return str(error), {field: (before[field], after[field]) for field in before}
        raise RuntimeError(f"{name} left a trace: {before.items() ^ after.items()}") from error
    raise RuntimeError(f"{name} was not refused")


def fingerprints(system: System) -> dict[str, str]:
    """Digest every field, heavy ones included: the table, the dice, the inside of both taxis."""
    return {
        f"{name}.{field.name}": hashlib.sha256(pickle.dumps(getattr(layer, field.name))).hexdigest()
        for name, layer in (("global_ctx", system.global_ctx), ("domain_ctx", system.domain_ctx))
        for field in fields(layer)
    }
