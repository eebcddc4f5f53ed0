"""Pictures of state machines and workflows, as Mermaid, SVG, or in a notebook."""

import json
from typing import Protocol, runtime_checkable

from theus import _kernel
from theus._drawing import draw_machine, draw_workflow
from theus._machine import Definition, load_machine, worded
from theus._picture import DrawingError, Picture
from theus.errors import ConfigError

__all__ = ["DrawingError", "Picture", "draw"]


@runtime_checkable
class Drawn(Protocol):
    """What can draw itself: a machine, a manager."""

    def _draw(self) -> Picture: ...


def draw(source: Definition | Drawn, current: str | None = None) -> Picture:
    """Draw a state machine or a workflow.

    Args:
        source: a StateMachine or WorkflowManager, which marks the state it is in; or a definition:
            a dict, the path of a YAML file, YAML of several lines. It is a machine if it has the
            key ``states``. Processes need not exist.
        current: what to mark: the name of a state, or the place of a step, ``file:line:column``.

    Raises:
        ConfigError: the definition is malformed; the text lists every problem with its place.
        FileNotFoundError: there is no such file.

    >>> print(draw({"states": {"IDLE": {"on": {"GO": "BUSY"}}, "BUSY": {}}}, current="BUSY"))
    stateDiagram-v2
        state "IDLE" as s0
        state "BUSY" as s1
        [*] --> s0
        s0 --> s1: GO
        classDef current fill:#ffd54f,stroke:#37474f,stroke-width:3px
        class s1 current
    <BLANKLINE>
    >>> print(draw({"steps": ["wake", {"flux": "while", "condition": "ctx.n < 3", "do": "act"}]}))
    flowchart TD
        n0(["start"])
        n1["wake"]
        n2{"ctx.n #60; 3"}
        n3["act"]
        n4(["end"])
        n0 --> n1
        n1 --> n2
        n2 -->|"yes"| n3
        n3 --> n2
        n2 -->|"no"| n4
    <BLANKLINE>
    """
    if isinstance(source, Drawn):
        return source._draw()
    name, text, is_json = worded(source, "definition")
    if _is_machine(text, is_json):
        machine = load_machine(source)
        if current is not None and current not in machine.states:
            raise ConfigError(f"there is no state {current!r} to mark")
        return draw_machine(machine, current)
    return draw_workflow(name, _kernel.outline(name, text, is_json), current)


def _is_machine(text: str, is_json: bool) -> bool:
    """Whether the key states stands at the top; the kernel says what is wrong with the rest."""
    if is_json:
        return "states" in json.loads(text)
    return any(line.startswith(("states:", '"states":', "{states:")) for line in text.splitlines())
