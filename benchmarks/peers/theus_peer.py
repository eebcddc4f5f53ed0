"""Theus, strict: a contract, a transaction and a commit for every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from peers.peer import Peer, Wrong, fresh, work
from theus import BaseDomainContext, BaseSystemContext, TheusEngine, plain, process


@dataclass
class Domain(BaseDomainContext):
    """The state of an agent."""

    facts: dict[str, int]
    log: list[int] = field(default_factory=list)


@process(inputs=[], outputs=["domain.facts", "domain.log"])
def step(ctx: Any) -> None:
    """One step."""
    domain = ctx.domain_ctx
    work(domain.facts, domain.log)


class Theus(Peer):
    """What the table is about."""

    name = "Theus, strict"
    setup = "`execute_process` of a process with two outputs"
    steps = 2000

    def begin(self, size: int) -> None:
        self.engine = TheusEngine(BaseSystemContext(None, Domain(fresh(size))), strict_mode=True)
        self.engine.register_process("step", step)

    def run(self, steps: int) -> None:
        execute = self.engine.execute_process
        for _ in range(steps):
            execute("step")

    def facts(self) -> dict[str, int]:
        return plain(self.engine.ctx.domain_ctx.facts)

    def log(self) -> list[int]:
        return plain(self.engine.ctx.domain_ctx.log)

    def attempt(self, outputs: list[str], body: Callable[[Any], None]) -> None:
        """Run the body of one step under a contract."""
        self.engine.register_process("body", process([], outputs, errors=[Wrong])(body))
        self.engine.execute_process("body")

    def assign_and_fail(self) -> None:
        def body(ctx: Any) -> None:
            ctx.domain_ctx.log = [-1]
            raise Wrong

        self.attempt(["domain.log"], body)

    def change_and_fail(self) -> None:
        def body(ctx: Any) -> None:
            ctx.domain_ctx.log.append(-1)
            ctx.domain_ctx.facts["k1"] = -1
            raise Wrong

        self.attempt(["domain.facts", "domain.log"], body)

    def stray(self) -> None:
        def body(ctx: Any) -> None:
            ctx.domain_ctx.facts["k1"] = -1

        self.attempt(["domain.log"], body)
