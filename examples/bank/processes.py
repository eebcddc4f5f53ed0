"""The one process of the bank, and the errors its contract declares."""

from theus import process

from .context import Account, System


class Refused(Exception):
    """A transfer that was not made."""


class BadAmount(Refused):
    """Not a positive whole number of cents."""


class UnknownAccount(Refused):
    """One side of the transfer does not exist."""


class InsufficientFunds(Refused):
    """The payer's account does not hold the amount."""


class ReserveExhausted(Refused):
    """The payer's bank cannot settle with the payee's: its reserves do not suffice."""


@process(
    inputs=[],
    outputs=["domain_ctx.accounts", "domain_ctx.reserves", "domain_ctx.committed"],
    errors=[BadAmount, UnknownAccount, InsufficientFunds, ReserveExhausted],
)
def transfer(ctx: System, payer: str, payee: str, amount: str) -> None:
    """Move money from one account to another, and reserves between their banks.

    It books first and checks as it goes, the way one likes to write such things. When it raises,
    the up to five fields booked by then go back to what they were: nothing here cleans up.
    """
    books = ctx.domain_ctx
    books.committed += 1
    cents = parse(amount)
    source = find(books.accounts, payer)
    source.balance -= cents
    if source.balance < 0:
        raise InsufficientFunds(payer)
    target = find(books.accounts, payee)
    target.balance += cents
    if source.bank != target.bank:
        books.reserves[target.bank] += cents
        books.reserves[source.bank] -= cents
        if books.reserves[source.bank] < 0:
            raise ReserveExhausted(source.bank)


def parse(amount: str) -> int:
    """Read an amount as it stands in the file."""
    try:
        cents = int(amount)
    except ValueError:
        raise BadAmount(amount) from None
    if cents <= 0:
        raise BadAmount(amount)
    return cents


def find(accounts: dict[str, Account], name: str) -> Account:
    """Look an account up."""
    try:
        return accounts[name]
    except KeyError:
        raise UnknownAccount(name) from None
