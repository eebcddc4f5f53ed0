"""Replay a file of transfers: python -m examples.bank [--transfers N] [--file FILE]."""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from theus import TheusEngine

from .context import ACCOUNTS, BANKS, OPENING, RESERVE, Books, new_system
from .processes import Refused, transfer
from .replay import PlainBank, generate, read


def main() -> int:
    """Replay the file through theus and through plain Python; 0 if the books agree and hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--transfers", type=int, default=100_000)
    options.add_argument("--file", type=Path, default=Path("build/bank/transfers.csv"))
    args = options.parse_args()
    generate(args.file, args.transfers)
    print(f"Replaying {args.transfers:,} transfers between {ACCOUNTS:,} accounts: {args.file}\n")

    system = new_system()
    started = time.perf_counter()
    outcomes = replay(TheusEngine(system, strict_mode=True), args.file)
    taken = time.perf_counter() - started

    plain = PlainBank()
    started = time.perf_counter()
    for row in read(args.file):
        plain.transfer(*row)
    bare = time.perf_counter() - started

    for outcome, count in outcomes.most_common():
        print(f"  {outcome:<20}{count:>8,}")
    print(f"\n{taken:.2f} s, {args.transfers / taken:,.0f} a second; plain Python: {bare:.2f} s\n")
    verdicts = check(system.domain_ctx, outcomes, plain)
    for law, held in verdicts.items():
        print(f"  {'ok' if held else 'BROKEN':<8}{law}")
    return 0 if all(verdicts.values()) else 1


def replay(engine: TheusEngine, file: Path) -> Counter[str]:
    """Try every transfer; count how each ended."""
    engine.register_process("transfer", transfer)
    outcomes: Counter[str] = Counter()
    for payer, payee, amount in read(file):
        try:
            engine.execute_process("transfer", payer=payer, payee=payee, amount=amount)
            outcomes["committed"] += 1
        except Refused as refusal:
            outcomes[type(refusal).__name__] += 1
    return outcomes


def check(books: Books, outcomes: Counter[str], plain: PlainBank) -> dict[str, bool]:
    """Hold the books against the laws of the bank, and against the plain one."""
    balances = {name: account.balance for name, account in books.accounts.items()}
    return {
        "no money was made or lost": sum(balances.values()) == ACCOUNTS * OPENING,
        "no reserve was made or lost": sum(books.reserves.values()) == len(BANKS) * RESERVE,
        "no balance is negative": min(balances.values()) >= 0,
        "no reserve is negative": min(books.reserves.values()) >= 0,
        "every commit was counted, no refusal was": books.committed == outcomes["committed"],
        "the plain bank refuses the same transfers": outcomes == plain.outcomes,
        "the plain bank has the same balances": balances == plain.balance,
        "the plain bank has the same reserves": books.reserves == plain.reserves,
    }


if __name__ == "__main__":
    sys.exit(main())

# Output:
# Replaying 100,000 transfers between 1,000 accounts: ...
#
#   committed             85,279
#   InsufficientFunds     12,513
#   BadAmount                994
#   UnknownAccount           920
#   ReserveExhausted         294
#
# ... s, ... a second; plain Python: ... s
#
#   ok      no money was made or lost
#   ok      no reserve was made or lost
#   ok      no balance is negative
#   ok      no reserve is negative
#   ok      every commit was counted, no refusal was
#   ok      the plain bank refuses the same transfers
#   ok      the plain bank has the same balances
#   ok      the plain bank has the same reserves
