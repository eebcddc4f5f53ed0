"""Machines and workflows as graphs, which ``theus.viz`` prints."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from theus._machine import Machine, Step
from theus._picture import Edge, Graph, Node, Picture


def draw_machine(machine: Machine, current: str | None = None) -> Picture:
    """The states and where events lead, with the current one marked."""
    graph = Graph(machine.name or "state machine", states=True)
    ids = {name: f"s{number}" for number, name in enumerate(machine.states)}
    graph.nodes.append(Node("start", [], "start"))
    graph.edges.append(Edge("start", ids[machine.start]))
    for name, state in machine.states.items():
        lines = [
            *(f"entry: {_short(step)}" for step in state.entry),
            *(f"on_exit: {_short(step)}" for step in state.on_exit),
            *(f"after {timer.seconds:g} s: {timer.event}" for timer in state.after),
        ]
        graph.nodes.append(Node(ids[name], [name, *lines], "state", name == current))
        for event, moves in state.on.items():
            for move in moves:
                label = f"{event} [{move.when}]" if move.when else event
                graph.edges.append(Edge(ids[name], ids[move.target], label))
    return Picture(graph)


def draw_workflow(name: str, outline: str, current: str | None = None) -> Picture:
    """The steps of a workflow, from the JSON of the kernel; current is the place of a step."""
    flow = _Flow(Graph(name, states=False), current)
    ends = flow.steps(json.loads(outline), [flow.node([], "start")])
    flow.join(ends, flow.node([], "end"))
    return Picture(flow.graph)


def _short(step: Step) -> str:
    """A step in a few words."""
    if isinstance(step, str):
        return step
    if "process" in step:
        return f"{step['process']}({', '.join(step.get('args') or {})})"
    rest = step.get("condition") or step.get("each") or step.get("workflow") or ""
    return f"{step.get('flux')} {rest}".rstrip()


@dataclass(frozen=True)
class _Open:
    """An edge that has no end yet."""

    node: str
    label: str = ""
    broken: bool = False  # drawn with dashes: the way of an exception


@dataclass
class _Flow:
    """Builds the graph of a workflow: each method draws steps and gives the edges left open."""

    graph: Graph
    current: str | None
    count: int = field(default=0)

    def node(self, lines: list[str], shape: str, place: str = "") -> _Open:
        name = f"n{self.count}"
        self.count += 1
        self.graph.nodes.append(
            Node(name, lines, shape, bool(place) and place == self.current, place)
        )
        return _Open(name)

    def join(self, ends: Iterable[_Open], to: _Open) -> None:
        for end in ends:
            self.graph.edges.append(Edge(end.node, to.node, end.label, end.broken))

    def steps(self, steps: list[dict[str, Any]], ends: list[_Open]) -> list[_Open]:
        for step in steps:
            draw = getattr(self, f"_{step['do']}", self._process)
            ends = draw(step, step.get("parts", []), ends)
        return ends

    def _process(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        shape = "call" if step["do"] == "call" else "process"
        here = self.node([step["text"]], shape, step["place"])
        self.join(ends, here)
        return [here]

    def _run(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        return self.steps(parts[0]["steps"], ends)

    def _if(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        done: list[_Open] = []
        for part in parts:
            if part is parts[-1] and part["label"] == "else" and done:
                return done + self.steps(part["steps"], ends)
            test = self.node([part["label"]], "test", step["place"] if not done else "")
            self.join(ends, test)
            done += self.steps(part["steps"], [_Open(test.node, "yes")])
            ends = [_Open(test.node, "no")]
        return done + ends

    def _loop(
        self, text: str, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        test = self.node([text], "test", step["place"])
        self.join(ends, test)
        self.join(self.steps(parts[0]["steps"], [_Open(test.node, "yes")]), test)
        return [_Open(test.node, "no")]

    def _while(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        return self._loop(step["text"], step, parts, ends)

    def _for(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        return self._loop(f"another of {step['text']}", step, parts, ends)

    def _try(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        begin = self.node(["try"], "mark", step["place"])
        self.join(ends, begin)
        done: list[_Open] = []
        for part in parts:
            if part["label"] == "finally":
                done = self.steps(part["steps"], done)
            elif part["label"] == "do":
                done = self.steps(part["steps"], [begin])
            else:
                done += self.steps(part["steps"], [_Open(begin.node, part["label"], True)])
        return done

    def _retry(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        begin = self.node([f"retry, {step['text']}"], "mark", step["place"])
        self.join(ends, begin)
        done = self.steps(parts[0]["steps"], [begin])
        self.join([_Open(end.node, "failed", True) for end in done], begin)
        return done

    def _parallel(
        self, step: dict[str, Any], parts: list[dict[str, Any]], ends: list[_Open]
    ) -> list[_Open]:
        fork = self.node(["parallel"], "mark", step["place"])
        self.join(ends, fork)
        together = self.node([], "join")
        for part in parts:
            self.join(self.steps(part["steps"], [fork]), together)
        return [together]
