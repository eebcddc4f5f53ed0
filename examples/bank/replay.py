"""The file of transfers, and a second bank in plain Python to compare the books with."""

import csv
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .context import ACCOUNTS, BANKS, OPENING, RESERVE

Row = tuple[str, str, str]


def generate(path: Path, rows: int, seed: int = 7) -> None:
    """Write a file of transfers, the same for the same seed; some of them cannot be made."""
    dice = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("payer", "payee", "amount"))
        for _ in range(rows):
            payer, payee = (f"A{dice.randrange(ACCOUNTS):03}" for _ in range(2))
            amount = str(int(dice.expovariate(1 / 8_000)) + 1)
            chance = dice.random()
            if chance < 0.005:
                payee = f"B{dice.randrange(ACCOUNTS):03}"
            elif chance < 0.01:
                payer = ""
            elif chance < 0.02:
                amount = dice.choice(("0", "-5", "12.50", "ten", ""))
            out.writerow((payer, payee, amount))


def read(path: Path) -> Iterator[Row]:
    """Read the transfers back, one by one."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            yield row["payer"], row["payee"], row["amount"]


class PlainBank:
    """The same rules without theus: check everything first, then book."""

    def __init__(self) -> None:
        """Open the same accounts."""
        self.bank = {f"A{i:03}": BANKS[i % 2] for i in range(ACCOUNTS)}
        self.balance = dict.fromkeys(self.bank, OPENING)
        self.reserves = dict.fromkeys(BANKS, RESERVE)
        self.outcomes: Counter[str] = Counter()

    def transfer(self, payer: str, payee: str, amount: str) -> None:
        """Book a transfer, or count why not."""
        reason = self.reason_against(payer, payee, amount)
        self.outcomes[reason or "committed"] += 1
        if reason is None:
            self.balance[payer] -= int(amount)
            self.balance[payee] += int(amount)
            self.reserves[self.bank[payer]] -= int(amount)
            self.reserves[self.bank[payee]] += int(amount)

    def reason_against(self, payer: str, payee: str, amount: str) -> str | None:
        """Say which error the transfer would raise."""
        if not amount.isdigit() or int(amount) == 0:
            return "BadAmount"
        if payer not in self.balance:
            return "UnknownAccount"
        if self.balance[payer] < int(amount):
            return "InsufficientFunds"
        if payee not in self.balance:
            return "UnknownAccount"
        across = self.bank[payer] != self.bank[payee]
        if across and self.reserves[self.bank[payer]] < int(amount):
            return "ReserveExhausted"
        return None
