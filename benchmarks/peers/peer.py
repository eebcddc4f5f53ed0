"""What every peer does: the same state, the same step, and three programs that go wrong.

The state is a dict of so many facts and a list, the log. The step reads two facts, writes these
two, and appends one entry to the log. A peer keeps the state as suits it best, and loops in its own
way.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Wrong(Exception):
    """What a step raises half-way."""


def fresh(size: int) -> dict[str, int]:
    """Make that many facts."""
    return {f"k{i}": i for i in range(size)}


class Peer(ABC):
    """One row of the table."""

    name: ClassVar[str]
    setup: ClassVar[str]
    """How it was set up, for the page."""

    steps: ClassVar[int] = 20
    """How many steps make a round, so that a round takes long enough to be timed."""

    @abstractmethod
    def begin(self, size: int) -> None:
        """Take a fresh state of that many facts. Not timed."""

    @abstractmethod
    def run(self, steps: int) -> None:
        """Carry out so many steps. Timed, with whatever the peer does around them."""

    @abstractmethod
    def facts(self) -> Mapping[str, int]:
        """What a reader from outside sees now."""

    @abstractmethod
    def log(self) -> Sequence[int]:
        """What a reader from outside sees now."""

    # Three programs that go wrong. The page says what was left of them.

    @abstractmethod
    def assign_and_fail(self) -> None:
        """Within a step, replace the log by one of its own making, as the peer wants it; raise."""

    @abstractmethod
    def change_and_fail(self) -> None:
        """Within a step, change the log and a fact in place, where they lie; raise."""

    @abstractmethod
    def stray(self) -> None:
        """Within a step that declares the log where it can, write a fact."""


def work(facts: Any, log: Any) -> None:
    """The step, in place."""
    first, second = facts["k1"], facts["k2"]
    facts["k1"] = second
    facts["k2"] = first + 1
    log.append(first)


def expected(steps: int) -> tuple[dict[str, int], list[int]]:
    """What the two facts and the log are after so many steps."""
    facts: dict[str, int] = {"k1": 1, "k2": 2}
    log: list[int] = []
    for _ in range(steps):
        work(facts, log)
    return facts, log
