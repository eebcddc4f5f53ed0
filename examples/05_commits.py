"""Every commit is a value: listen, and you have a journal of all that ever changed."""

from dataclasses import dataclass, field
from typing import Any

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, process


@dataclass
class Domain(BaseDomainContext):
    """A thermostat."""

    target: float = 20.0
    readings: list[float] = field(default_factory=list)


@dataclass
class System(BaseSystemContext):
    """The root."""

    global_ctx: BaseGlobalContext = field(default_factory=BaseGlobalContext)
    domain_ctx: Domain = field(default_factory=Domain)


@process(inputs=[], outputs=["domain_ctx.readings"])
def measure(ctx: System, degrees: float) -> None:
    """Keep a reading."""
    ctx.domain_ctx.readings.append(degrees)


def main() -> None:
    """Change the context in the two ways there are: a process, and edit()."""
    engine = TheusEngine(System())
    engine.register_process("measure", measure)

    @engine.on_commit
    def journal(commit: Any) -> None:
        for write in commit.writes:
            print(commit.version, commit.process, write.op, write.path, write.value)

    engine.execute_process("measure", degrees=19.5)
    with engine.edit() as ctx:
        ctx.domain_ctx.target = 21.0
    engine.execute_process("measure", degrees=20.5)
    print(engine.ctx.domain_ctx)


if __name__ == "__main__":
    main()

# Output:
# 1 measure APPEND domain_ctx.readings[0] 19.5
# 2 edit SET domain_ctx.target 21.0
# 3 measure APPEND domain_ctx.readings[1] 20.5
# Domain(target=21.0, readings=[19.5, 20.5])
