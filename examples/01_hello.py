"""A process, its contract, and a commit."""

from dataclasses import dataclass, field

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, process


@dataclass
class Domain(BaseDomainContext):
    """What changes."""

    visits: int = 0
    guests: list[str] = field(default_factory=list)


@dataclass
class System(BaseSystemContext):
    """The root: configuration in global_ctx, state in domain_ctx."""

    global_ctx: BaseGlobalContext = field(default_factory=BaseGlobalContext)
    domain_ctx: Domain = field(default_factory=Domain)


@process(inputs=[], outputs=["domain_ctx.visits", "domain_ctx.guests"])
def greet(ctx: System, name: str) -> str:
    """Welcome a guest. The contract names all that this function may touch."""
    ctx.domain_ctx.visits += 1
    ctx.domain_ctx.guests.append(name)
    return f"Hello, {name}! You are number {ctx.domain_ctx.visits}."


def main() -> None:
    """Run it twice."""
    engine = TheusEngine(System())
    engine.register_process("greet", greet)
    print(engine.execute_process("greet", name="Ada"))
    print(engine.execute_process("greet", name="Grace"))
    print(engine.ctx.domain_ctx.guests)


if __name__ == "__main__":
    main()

# Output:
# Hello, Ada! You are number 1.
# Hello, Grace! You are number 2.
# ['Ada', 'Grace']
