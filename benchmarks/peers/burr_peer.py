"""Burr: actions that return a new immutable State; its values may be anything."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from burr.core import ApplicationBuilder, State, action

from peers.peer import Peer, Wrong, fresh

# State.update would deepcopy the old value of every key it replaces; State.merge does not.


@action(reads=["facts", "log"], writes=["facts", "log"])
def replaces(state: State) -> State:
    """One step, which replaces the facts by a copy, as an immutable state asks."""
    facts = state["facts"]
    first, second = facts["k1"], facts["k2"]
    facts = {**facts, "k1": second, "k2": first + 1}
    return state.merge(State({"facts": facts, "log": [*state["log"], first]}))


@action(reads=["facts", "log"], writes=["log"])
def changes(state: State) -> State:
    """One step, which changes the facts where they lie. Nothing brings them back."""
    facts = state["facts"]
    first, second = facts["k1"], facts["k2"]
    facts["k1"] = second
    facts["k2"] = first + 1
    return state.merge(State({"log": [*state["log"], first]}))


class Burr(Peer):
    """The facts are one value of the state."""

    name = "Burr"
    setup = "`app.step()`; the facts are one value, which a step replaces by a copy"
    action: ClassVar[Any] = replaces

    def begin(self, size: int) -> None:
        self.app = self.build(self.action, {"facts": fresh(size), "log": []})

    def build(self, body: Any, values: dict[str, Any]) -> Any:
        """Make an application of one action that follows itself."""
        builder = ApplicationBuilder().with_actions(step=body).with_transitions(("step", "step"))
        return builder.with_state(State(values)).with_entrypoint("step").build()

    def run(self, steps: int) -> None:
        step = self.app.step
        for _ in range(steps):
            step()

    def facts(self) -> Mapping[str, int]:
        return self.app.state["facts"]

    def log(self) -> Sequence[int]:
        return self.app.state["log"]

    def attempt(self, body: Callable[[State], State]) -> None:
        """Run an action that declares the log, on the state as it is."""
        self.app = self.build(
            action(reads=["facts", "log"], writes=["log"])(body), dict(self.app.state.get_all())
        )
        self.app.step()

    def assign_and_fail(self) -> None:
        def body(state: State) -> State:
            state.update(log=[-1])
            raise Wrong

        self.attempt(body)

    def change_and_fail(self) -> None:
        def body(state: State) -> State:
            state["log"].append(-1)
            state["facts"]["k1"] = -1
            raise Wrong

        self.attempt(body)

    def stray(self) -> None:
        def body(state: State) -> State:
            return state.update(log=[], facts={**state["facts"], "k1": -1})

        self.attempt(body)


class BurrInPlace(Burr):
    """The fastest way, at the price of what an immutable state is for."""

    name = "Burr, facts in place"
    setup = "the same, but the step changes the facts where they lie"
    action = changes

    def assign_and_fail(self) -> None:
        def body(state: State) -> State:
            state["facts"].update(k1=-1)
            raise Wrong

        self.attempt(body)
