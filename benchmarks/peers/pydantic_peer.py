"""pydantic-graph: async nodes on a state that they share and change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable  # noqa: TC003  (the graph reads hints while it runs)
from dataclasses import dataclass, field

from pydantic_graph import BaseNode, End, GraphBuilder, GraphRunContext

from peers.peer import Peer, Wrong, fresh, work


@dataclass
class State:
    """The state of an agent, and how many steps are left."""

    facts: dict[str, int]
    log: list[int] = field(default_factory=list)
    left: int = 0
    body: Callable[[State], None] | None = None


@dataclass
class Step(BaseNode[State, None, None]):
    """One step; the next one is the same node."""

    async def run(self, ctx: GraphRunContext[State, None]) -> Step | End[None]:
        state = ctx.state
        if state.body is not None:
            state.body(state)
        else:
            work(state.facts, state.log)
        state.left -= 1
        return Step() if state.left > 0 else End(None)


def build() -> object:
    """Build the graph of that one node."""
    g = GraphBuilder(
        state_type=State, input_type=Step, output_type=type(None), auto_instrument=False
    )
    g.add(g.node(Step), g.edge_from(g.start_node).to(Step))
    return g.build()


class PydanticGraph(Peer):
    """One run of the graph for all steps of a round, on one event loop."""

    name = "pydantic-graph"
    setup = "one `BaseNode` that follows itself, one run a round, no instrumentation"
    steps = 200

    def __init__(self) -> None:
        self.graph = build()
        self.loop = asyncio.new_event_loop()

    def begin(self, size: int) -> None:
        self.state = State(fresh(size))

    def run(self, steps: int) -> None:
        self.state.left = steps
        self.loop.run_until_complete(self.graph.run(state=self.state, inputs=Step()))

    def facts(self) -> dict[str, int]:
        return self.state.facts

    def log(self) -> list[int]:
        return self.state.log

    def attempt(self, body: Callable[[State], None]) -> None:
        """Run one node that does that."""
        self.state.body = body
        self.run(1)

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
