"""A process that fails leaves no trace: its writes were never real."""

from dataclasses import dataclass, field

from theus import (
    BaseDomainContext,
    BaseGlobalContext,
    BaseSystemContext,
    ContractViolationError,
    TheusEngine,
    process,
)


class SoldOut(Exception):
    """The shelf is empty."""


@dataclass
class Domain(BaseDomainContext):
    """A shop."""

    stock: dict[str, int] = field(default_factory=lambda: {"tea": 1})
    sold: list[str] = field(default_factory=list)


@dataclass
class System(BaseSystemContext):
    """The root."""

    global_ctx: BaseGlobalContext = field(default_factory=BaseGlobalContext)
    domain_ctx: Domain = field(default_factory=Domain)


@process(inputs=[], outputs=["domain_ctx.stock", "domain_ctx.sold"], errors=[SoldOut])
def sell(ctx: System, what: str) -> None:
    """Book first, check later."""
    ctx.domain_ctx.sold.append(what)
    ctx.domain_ctx.stock[what] -= 1
    if ctx.domain_ctx.stock[what] < 0:
        raise SoldOut(what)


def main() -> None:
    """Sell what is there, what is not, and what never was."""
    engine = TheusEngine(System())
    engine.register_process("sell", sell)
    for what in ("tea", "tea", "coffee"):
        try:
            engine.execute_process("sell", what=what)
            print(f"{what}: sold")
        except SoldOut as error:  # in the contract: it arrives as it was raised
            print(f"{error}: sold out")
        except ContractViolationError as error:  # a bug: nobody declared a KeyError
            print(f"{what}: {error}")
        print("  ", engine.ctx.domain_ctx)


if __name__ == "__main__":
    main()

# Output:
# tea: sold
#    Domain(stock={'tea': 0}, sold=['tea'])
# tea: sold out
#    Domain(stock={'tea': 0}, sold=['tea'])
# coffee: Undeclared Error Violation: Caught KeyError: 'coffee' [THEUS-C001]
#    Domain(stock={'tea': 0}, sold=['tea'])
