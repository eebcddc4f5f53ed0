"""LangGraph: nodes that return updates of channels, one super-step each."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from peers.peer import Peer, Wrong, fresh


class State(TypedDict):
    """The channels: the facts are one, the log grows by what a node returns."""

    facts: dict[str, int]
    log: Annotated[list[int], operator.add]
    left: int


def onward(state: State) -> str:
    """The next node. A Command that names it costs less than a conditional edge."""
    return "step" if state["left"] > 1 else END


def replaces(state: State) -> Command[str]:
    """One step, which replaces the facts by a copy."""
    facts = state["facts"]
    first, second = facts["k1"], facts["k2"]
    facts = {**facts, "k1": second, "k2": first + 1}
    update = {"facts": facts, "log": [first], "left": state["left"] - 1}
    return Command(update=update, goto=onward(state))


def changes(state: State) -> Command[str]:
    """One step, which changes the facts where they lie. Nothing brings them back."""
    facts = state["facts"]
    first, second = facts["k1"], facts["k2"]
    facts["k1"] = second
    facts["k2"] = first + 1
    return Command(update={"log": [first], "left": state["left"] - 1}, goto=onward(state))


def build(body: Callable[[State], Any], saver: InMemorySaver | None) -> Any:
    """Compile a graph of one node, which says itself whether it runs again."""
    graph = StateGraph(State)
    graph.add_node("step", body, destinations=("step", END))
    graph.add_edge(START, "step")
    return graph.compile(checkpointer=saver)


class LangGraph(Peer):
    """One run of the graph for all steps of a round; the caller keeps the state between runs."""

    name = "LangGraph"
    setup = "one node that follows itself, one `invoke` a round, no checkpointer"
    node: ClassVar[Any] = staticmethod(replaces)

    def begin(self, size: int) -> None:
        self.graph = build(self.node, None)
        self.state: Any = {"facts": fresh(size), "log": []}

    def run(self, steps: int) -> None:
        self.state = self.invoke(self.graph, self.state | {"left": steps})

    def invoke(self, graph: Any, state: Any) -> Any:
        """Run a graph to its end."""
        return graph.invoke(state, {"recursion_limit": 10_000})

    def facts(self) -> Mapping[str, int]:
        return self.state["facts"]

    def log(self) -> Sequence[int]:
        return self.state["log"]

    def attempt(self, body: Callable[[State], Any]) -> None:
        """Run one node that does that."""
        self.state = self.invoke(build(body, None), self.state | {"left": 1})

    def assign_and_fail(self) -> None:
        def body(state: State) -> Any:
            state["log"] = [-1]
            raise Wrong

        self.attempt(body)

    def change_and_fail(self) -> None:
        def body(state: State) -> Any:
            state["log"].append(-1)
            state["facts"]["k1"] = -1
            raise Wrong

        self.attempt(body)

    def stray(self) -> None:
        self.attempt(lambda state: {"facts": {**state["facts"], "k1": -1}})


class LangGraphInPlace(LangGraph):
    """The fastest way, at the price of what channels are for."""

    name = "LangGraph, facts in place"
    setup = "the same, but the step changes the facts where they lie"
    node = staticmethod(changes)

    def assign_and_fail(self) -> None:
        def body(state: State) -> Any:
            state["facts"].update(k1=-1)
            raise Wrong

        self.attempt(body)


class LangGraphSaved(LangGraph):
    """The same with a checkpoint after every step, which is what LangGraph goes back to."""

    name = "LangGraph with InMemorySaver"
    setup = 'the same with a checkpoint after every step, `durability="sync"`'

    def begin(self, size: int) -> None:
        self.saver_ = InMemorySaver()
        self.graph = build(self.node, self.saver_)
        self.first: Any = {"facts": fresh(size), "log": []}

    @property
    def thread(self) -> dict[str, Any]:
        """Where the checkpoints are filed."""
        return {"configurable": {"thread_id": "1"}, "recursion_limit": 10_000}

    def run(self, steps: int) -> None:
        self.graph.invoke(self.first | {"left": steps}, self.thread, durability="sync")

    def facts(self) -> Mapping[str, int]:
        return self.values()["facts"]

    def log(self) -> Sequence[int]:
        return self.values()["log"]

    def values(self) -> Any:
        """The state of the newest checkpoint."""
        return self.graph.get_state(self.thread).values

    def attempt(self, body: Callable[[State], Any]) -> None:
        if not self.values():  # the first checkpoint
            self.graph.update_state(self.thread, self.first | {"left": 1}, as_node=START)
        build(body, self.saver_).invoke({"left": 1}, self.thread, durability="sync")
