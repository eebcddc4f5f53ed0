"""Strict and training mode: the same process, with every guarantee and with none."""

from dataclasses import dataclass, field

from theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    process,
)


@dataclass
class Domain(BaseDomainContext):
    """A model that is being trained."""

    step: int = 0
    weights: list[float] = field(default_factory=lambda: [0.0, 0.0])


@dataclass
class System(BaseSystemContext):
    """The root."""

    global_ctx: BaseGlobalContext = field(default_factory=BaseGlobalContext)
    domain_ctx: Domain = field(default_factory=Domain)


@process(inputs=[], outputs=["domain_ctx.step", "domain_ctx.weights"])
def train(ctx: System, gradient: list[float]) -> None:
    """Move the weights. A gradient that is too short is found out half way."""
    ctx.domain_ctx.step += 1
    for i in range(len(ctx.domain_ctx.weights)):
        ctx.domain_ctx.weights[i] -= gradient[i]


def main() -> None:
    """Fail in both modes, and look at what is left."""
    for strict_mode in (True, False):
        engine = TheusEngine(System(), strict_mode=strict_mode)
        engine.register_process("train", train)
        engine.execute_process("train", gradient=[0.5, 0.5])
        try:
            engine.execute_process("train", gradient=[9.0])
        except (ContractViolationError, IndexError) as error:
            print("strict:" if strict_mode else "training:", error)
        print("  ", engine.ctx.domain_ctx)


if __name__ == "__main__":
    main()

# Output:
# strict: Undeclared Error Violation: Caught IndexError: list index out of range [THEUS-C001]
#    Domain(step=1, weights=[-0.5, -0.5])
# training: list index out of range
#    Domain(step=2, weights=[-9.5, -0.5])
