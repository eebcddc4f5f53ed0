"""Pictures: what is drawn of a machine and of a workflow, and what a notebook shows."""

import html
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from conftest import System

from theus import ConfigError, TheusEngine, process
from theus.orchestrator import StateMachine, WorkflowManager
from theus.viz import DrawingError, Picture, draw

MACHINE: dict[str, Any] = {
    "name": "m",
    "states": {
        "IDLE": {"on": {"GO": [{"target": "BUSY", "when": "domain.balance < 3"}, "END"]}},
        "BUSY": {"entry": ["work"], "on_exit": "rest", "after": "2s -> GO", "on": {"GO": "IDLE"}},
        "END": {},
    },
}
STEPS: list[Any] = [
    "work",
    {"flux": "while", "condition": "domain.balance < 103", "do": ["work", "rest"]},
    {"flux": "if", "condition": "domain.history", "then": ["work"], "else": ["rest"]},
    {"flux": "try", "do": ["work"], "catch": {"ValueError": ["rest"]}, "finally": ["work"]},
    {"flux": "for", "each": "domain.history", "as": "item", "do": ["rest"]},
    {"flux": "retry", "times": 2, "do": ["work"]},
    {"flux": "parallel", "branches": [["work"], ["rest"]]},
    {"flux": "run", "steps": ["rest"]},
]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz draws it")


def engine() -> TheusEngine:
    """An engine with work, which counts, and rest."""
    made = TheusEngine(System(), strict_mode=True)

    @process(inputs=[], outputs=["domain.balance"])
    def work(ctx: Any) -> None:
        ctx.domain.balance += 1

    @process(inputs=[], outputs=[])
    def rest(ctx: Any) -> None:
        """Nothing."""

    made.register_process("work", work)
    made.register_process("rest", rest)
    return made


def marked(picture: Picture) -> list[str]:
    """The first line of each node that is marked."""
    return [node.lines[0] for node in picture._graph.nodes if node.current]


def test_a_machine_as_mermaid() -> None:
    """Law: each state, each way with its condition, the start and the current state are drawn."""
    assert str(draw(MACHINE, current="BUSY")) == (
        "stateDiagram-v2\n"
        '    state "IDLE" as s0\n'
        '    state "BUSY<br/>entry#58; work<br/>on_exit#58; rest<br/>after 2 s#58; GO" as s1\n'
        '    state "END" as s2\n'
        "    [*] --> s0\n"
        "    s0 --> s1: GO [domain.balance #60; 3]\n"
        "    s0 --> s2: GO\n"
        "    s1 --> s0: GO\n"
        "    classDef current fill:#ffd54f,stroke:#37474f,stroke-width:3px\n"
        "    class s1 current\n"
    )


def test_every_step_of_a_workflow_is_drawn() -> None:
    """Law: every step has its node, every branch its edge; all but the start are led to."""
    graph = draw({"steps": STEPS})._graph
    assert [node.lines[0] for node in graph.nodes if node.lines] == [
        *["work", "domain.balance < 103", "work", "rest", "domain.history", "work", "rest"],
        *["try", "work", "rest", "work", "another of domain.history", "rest"],
        *["retry, 2 times", "work", "parallel", "work", "rest", "rest"],
    ]
    assert {edge.target for edge in graph.edges} == {node.name for node in graph.nodes[1:]}
    ends = {node.name for node in graph.nodes if node.shape == "end"}
    assert {edge.source for edge in graph.edges} == {node.name for node in graph.nodes} - ends
    assert [edge.label for edge in graph.edges if edge.broken] == ["ValueError", "failed"]


def test_what_is_drawn_of_a_file(tmp_path: Path) -> None:
    """Law: a file is drawn as what it is, a machine or a workflow, whatever it calls and runs."""
    machine, workflow = tmp_path / "machine.yaml", tmp_path / "workflow.yaml"
    machine.write_text("# a comment\nstates:\n  IDLE: {entry: no_such_process}\n")
    workflow.write_text("- no_such_process\n- {flux: call, workflow: no_such_file.yaml}\n")
    assert str(draw(machine)).startswith("stateDiagram-v2\n")
    assert '[["no_such_file.yaml"]]' in str(draw(str(workflow), current=f"{workflow}:1:3"))
    assert marked(draw(workflow, current=f"{workflow}:1:3")) == ["no_such_process"]
    with pytest.raises(FileNotFoundError):
        draw(tmp_path / "none.yaml")
    workflow.write_text("- {flux: iff}\n")
    with pytest.raises(ConfigError, match=r'workflow.yaml:1:\d+: there is no step "iff"'):
        draw(workflow)
    with pytest.raises(ConfigError, match="no state 'NONE' to mark"):
        draw(MACHINE, current="NONE")


def test_no_text_breaks_out() -> None:
    """Law: what people write stays text: it ends no label, and is no HTML."""
    nasty = "a\"]; --> <script>x</script> #quot; %%{init}%% & \\ 'q' \n z"
    picture = draw({"states": {"IDLE": {"on": {nasty: "IDLE"}, "entry": nasty}}})
    for line in str(picture).splitlines():
        assert line.count('"') in (0, 2)
        assert "<script>" not in line
        assert "%%" not in line
    table = picture._repr_mimebundle_()["text/html"]
    assert "<script>" not in table


def test_a_notebook_shows_where_it_is() -> None:
    """Law: a machine and a manager show themselves, and mark the state they are in as they move."""
    machine = StateMachine({"states": {"IDLE": {"on": {"GO": "BUSY"}}, "BUSY": {}}})
    assert marked(draw(machine)) == ["IDLE"]
    machine.trigger("GO")
    assert marked(draw(machine)) == ["BUSY"]
    made = engine()
    manager = WorkflowManager(made)
    manager.load_workflow(MACHINE)
    manager.process_signal("GO")
    assert marked(draw(manager)) == ["END"]
    for each in (machine, manager):
        bundle = each._repr_mimebundle_(include=None, exclude=None)
        assert bundle["text/plain"].startswith("stateDiagram-v2")
        assert set(bundle) >= {"text/html", "text/plain"}
    made.close()


def test_a_run_of_a_workflow_shows_its_step() -> None:
    """Law: a run that is stepped shows its workflow and marks the step it is at."""
    made = engine()
    run = made.start_workflow({"steps": ["work", "rest", {"flux": "run", "steps": ["work"]}]})
    seen = [marked(run._draw())]
    while run.peek() is not None:
        seen.append(marked(run._draw()))
        run.step()
    assert seen == [[], ["work"], ["rest"], ["work"]]
    assert run._repr_mimebundle_()["text/plain"].startswith("flowchart TD")
    made.close()


@needs_dot
def test_svg() -> None:
    """Law: graphviz draws every machine and workflow as one SVG element, texts and all."""
    for source, texts in (
        (MACHINE, {"IDLE", "BUSY", "END", "entry: work", "after 2 s: GO"}),
        ({"steps": STEPS}, {"domain.balance < 103", "yes", "no", "ValueError", "parallel"}),
    ):
        svg = draw(source).svg()
        assert svg.startswith("<svg")
        root = ET.fromstring(svg)
        found = {
            "".join(each.itertext()).strip() for each in root.iter() if each.tag[-5:] == "}text"
        }
        assert texts <= found
    assert draw(MACHINE)._repr_mimebundle_()["image/svg+xml"].startswith("<svg")


def test_without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: without graphviz SVG says what is missing, and a notebook shows a table."""
    monkeypatch.setenv("PATH", "")
    picture = draw(MACHINE, current="BUSY")
    with pytest.raises(DrawingError, match="apt install graphviz"):
        picture.svg()
    bundle = picture._repr_mimebundle_()
    assert "image/svg+xml" not in bundle
    table = ET.fromstring(bundle["text/html"])
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows == [
        ["IDLE", "", "GO [domain.balance < 3] → BUSYGO → END"],
        ["BUSY", "entry: workon_exit: restafter 2 s: GO", "GO → IDLE"],
        ["END", "", ""],
    ]
    assert bundle["text/html"].count("background") == 1


def test_a_graphviz_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what graphviz says when it fails reaches the caller."""
    fake = tmp_path / "dot"
    fake.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(DrawingError, match="graphviz failed: it is broken"):
        draw(MACHINE).svg()
    assert html.escape("domain.balance < 3") in draw(MACHINE)._repr_mimebundle_()["text/html"]
