"""pyrsistent: state that never changes. A step returns another one; going back is keeping it."""

from typing import Any, NamedTuple

from pyrsistent import PMap, PVector, pmap, pvector

from peers.peer import Peer, Wrong, fresh


class State(NamedTuple):
    """The state of an agent: immutable all the way down. A PClass takes twice as long."""

    facts: PMap[str, int]
    log: PVector[int]


def step(state: State) -> State:
    """One step, with an evolver so that both facts are one new map."""
    first, second = state.facts["k1"], state.facts["k2"]
    facts = state.facts.evolver()
    facts["k1"] = second
    facts["k2"] = first + 1
    return State(facts.persistent(), state.log.append(first))


class Pyrsistent(Peer):
    """The immutable way."""

    name = "pyrsistent"
    setup = "a named tuple of a `pmap` and a `pvector` (in C), changed through an evolver"
    steps = 500

    def begin(self, size: int) -> None:
        self.state = State(pmap(fresh(size)), pvector())

    def run(self, steps: int) -> None:
        state = self.state
        for _ in range(steps):
            state = step(state)
        self.state = state

    def facts(self) -> Any:
        return self.state.facts

    def log(self) -> Any:
        return self.state.log

    def assign_and_fail(self) -> None:
        self.state._replace(log=pvector([-1]))
        raise Wrong

    def change_and_fail(self) -> None:
        self.state.log.append(-1)  # gives another vector; there is no way to change this one
        self.state.facts.set("k1", -1)
        raise Wrong

    def stray(self) -> None:
        self.state = self.state._replace(facts=self.state.facts.set("k1", -1))
