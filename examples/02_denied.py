"""What a contract does not name cannot be read, written, or changed through an input."""

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
    """A shop."""

    prices: dict[str, int] = field(default_factory=lambda: {"tea": 3, "cake": 4})
    total: int = 0
    secret: str = "the recipe"


@dataclass
class System(BaseSystemContext):
    """The root."""

    global_ctx: BaseGlobalContext = field(default_factory=BaseGlobalContext)
    domain_ctx: Domain = field(default_factory=Domain)


shop = process(inputs=["domain_ctx.prices"], outputs=["domain_ctx.total"])


@shop
def read_too_much(ctx: System) -> None:
    """Read a field that is not in the contract."""
    ctx.domain_ctx.total = len(ctx.domain_ctx.secret)


@shop
def misspell(ctx: System) -> None:
    """Write a field that is not in the contract."""
    ctx.domain_ctx.totl = 7


@shop
def change_an_input(ctx: System) -> None:
    """Change what the contract only lets it read."""
    ctx.domain_ctx.prices["tea"] = 0


def main() -> None:
    """Provoke each refusal."""
    engine = TheusEngine(System())
    for attempt in (read_too_much, misspell, change_an_input):
        engine.register_process(attempt.__name__, attempt)
        try:
            engine.execute_process(attempt.__name__)
        except ContractViolationError as error:
            print(error)
    print(engine.ctx.domain_ctx)


if __name__ == "__main__":
    main()

# ruff: noqa: E501
# Output:
# Illegal Read: 'domain_ctx.secret' by process 'read_too_much' [THEUS-A001]
#   it may read:   domain_ctx.prices, domain_ctx.total
#   fix:           add "domain_ctx.secret" to the inputs of @process
#   at:            examples/02_denied.py:38
# Illegal Write: 'domain_ctx.totl' by process 'misspell' [THEUS-A001]
#   it may write:  domain_ctx.total
#   did you mean:  domain_ctx.total
#   fix:           write domain_ctx.total, or add "domain_ctx.totl" to the outputs of @process
#   at:            examples/02_denied.py:44
# Illegal Write: 'domain_ctx.prices["tea"]' by process 'change_an_input': Immutable Violation, this FrozenDict is only an input [THEUS-A002]
#   it may write:  domain_ctx.total
#   fix:           add 'domain_ctx.prices["tea"]' to the outputs of @process
#   at:            examples/02_denied.py:50
# Domain(prices={'tea': 3, 'cake': 4}, total=0, secret='the recipe')
