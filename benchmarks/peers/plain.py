"""Plain Python, and plain Python with a deep copy to go back to."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from peers.peer import Peer, Wrong, fresh, work


@dataclass
class State:
    """The state of an agent, as one writes it."""

    facts: dict[str, int]
    log: list[int] = field(default_factory=list)


def step(state: State) -> None:
    """One step."""
    work(state.facts, state.log)


class Plain(Peer):
    """The base of all ratios."""

    name = "plain Python"
    setup = "a function that changes a dataclass"
    steps = 2000

    def begin(self, size: int) -> None:
        self.state = State(fresh(size))

    def run(self, steps: int) -> None:
        state = self.state
        for _ in range(steps):
            step(state)

    def facts(self) -> dict[str, int]:
        return self.state.facts

    def log(self) -> list[int]:
        return self.state.log

    def attempt(self, body: Callable[[State], None]) -> None:
        """Run the body of one step."""
        body(self.state)

    def assign_and_fail(self) -> None:
        def body(state: State) -> None:
            state.log = [-1]
            raise Wrong

        self.attempt(body)

    def change_and_fail(self) -> None:
        def body(state: State) -> None:
            state.log.append(-1)
            state.facts["k1"] = -1
            raise Wrong

        self.attempt(body)

    def stray(self) -> None:
        def body(state: State) -> None:
            state.facts["k1"] = -1

        self.attempt(body)


class DeepCopy(Plain):
    """The usual way to get rollback without a library."""

    name = "copy.deepcopy and restore"
    setup = "the same, with a deep copy of the state before each step"
    steps = 20

    def attempt(self, body: Callable[[State], None]) -> None:
        saved = copy.deepcopy(self.state)
        try:
            body(self.state)
        except BaseException:
            self.state = saved
            raise

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.attempt(step)
