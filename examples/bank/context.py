"""The books: accounts of two banks, and the reserves with which the banks settle."""

from dataclasses import dataclass, field

from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext

BANKS = ("north", "south")
ACCOUNTS = 1_000
OPENING = 50_000  # in each account; all money is in cents, an int
RESERVE = 500_000  # of each bank


@dataclass
class Account:
    """Whose money it is, where it lies."""

    bank: str
    balance: int


@dataclass
class Books(BaseDomainContext):
    """What transfers change."""

    accounts: dict[str, Account] = field(default_factory=dict)
    reserves: dict[str, int] = field(default_factory=dict)
    committed: int = 0


@dataclass
class System(BaseSystemContext):
    """The root."""

    global_ctx: BaseGlobalContext
    domain_ctx: Books


def new_system() -> System:
    """Open the accounts, in turn at one bank and at the other."""
    accounts = {f"A{i:03}": Account(BANKS[i % 2], OPENING) for i in range(ACCOUNTS)}
    return System(BaseGlobalContext(), Books(accounts, dict.fromkeys(BANKS, RESERVE)))
