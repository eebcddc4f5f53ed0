"""Graphs as text and as pictures: Mermaid, graphviz, HTML. Nothing here asks the network."""

import html
import re
import shutil
import subprocess
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Node:
    """A node: its lines of text, and the shape that tells what it is."""

    name: str
    lines: list[str]
    shape: str  # start, end, state, process, call, test, mark, join
    current: bool = False
    place: str = ""


@dataclass(frozen=True)
class Edge:
    """An arrow; broken ones are the ways of exceptions."""

    source: str
    target: str
    label: str = ""
    broken: bool = False


@dataclass
class Graph:
    """What is drawn; ``states`` tells a machine from a workflow."""

    title: str
    states: bool
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


class DrawingError(RuntimeError):
    """A picture could not be made; the text says what is missing. Mermaid text needs nothing."""


INK, PAPER, MARK = "#37474f", "#f5f7f8", "#ffd54f"


class Picture:
    """A drawing of a machine or a workflow. A notebook shows it; ``mermaid()`` is its text."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __str__(self) -> str:
        return self.mermaid()

    def mermaid(self) -> str:
        """The picture as Mermaid, which GitHub, GitLab and many editors show."""
        return _state_diagram(self._graph) if self._graph.states else _flowchart(self._graph)

    def dot(self) -> str:
        """The picture in the language of graphviz."""
        return _dot(self._graph)

    def svg(self) -> str:
        """The picture as SVG.

        Raises DrawingError if graphviz is not installed, or fails.
        """
        program = shutil.which("dot")
        if program is None:
            raise DrawingError(
                "SVG is drawn by graphviz, and there is no program 'dot' on PATH; install it"
                " (Debian: apt install graphviz), or use the Mermaid text, which needs nothing"
            )
        done = subprocess.run(
            [program, "-Tsvg"], input=self.dot().encode(), capture_output=True, check=False
        )
        if done.returncode != 0:
            raise DrawingError(f"graphviz failed: {done.stderr.decode(errors='replace').strip()}")
        drawn = done.stdout.decode()
        return drawn[drawn.index("<svg") :]  # without the XML head, so that HTML may hold it

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the picture, or a table where there is no graphviz."""
        try:
            svg = self.svg()
        except DrawingError:
            return {"text/html": _table(self._graph), "text/plain": self.mermaid()}
        return {"image/svg+xml": svg, "text/html": svg, "text/plain": self.mermaid()}


# ---- Mermaid ------------------------------------------------------------------------------------

_SPECIAL = re.compile(r"""[^\w .,()=+*/?!\[\]{}'-]""")


def _entity(text: str) -> str:
    """Text as Mermaid takes it anywhere: what it could read as its own is written as a number."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", " ".join(text.split()))


def _quoted(lines: list[str]) -> str:
    return '"' + "<br/>".join(_entity(line).replace("[", "#91;") for line in lines) + '"'


def _state_diagram(graph: Graph) -> str:
    lines = ["stateDiagram-v2"]
    lines += [
        f"    state {_quoted(node.lines)} as {node.name}"
        for node in graph.nodes
        if node.shape != "start"
    ]
    for edge in graph.edges:
        source = "[*]" if edge.source == "start" else edge.source
        label = f": {_entity(edge.label)}" if edge.label else ""
        lines.append(f"    {source} --> {edge.target}{label}")
    return "\n".join([*lines, *_marked(graph)]) + "\n"


_SHAPES = {
    "start": "([{}])",
    "end": "([{}])",
    "process": "[{}]",
    "call": "[[{}]]",
    "test": "{{{}}}",
    "mark": "{{{{{}}}}}",
    "join": "(({}))",
}


def _flowchart(graph: Graph) -> str:
    lines = ["flowchart TD"]
    for node in graph.nodes:
        text = _quoted(node.lines or [node.shape])
        lines.append(f"    {node.name}{_SHAPES[node.shape].format(text)}")
    for edge in graph.edges:
        arrow = "-.->" if edge.broken else "-->"
        label = f"|{_quoted([edge.label])}|" if edge.label else ""
        lines.append(f"    {edge.source} {arrow}{label} {edge.target}")
    return "\n".join([*lines, *_marked(graph)]) + "\n"


def _marked(graph: Graph) -> list[str]:
    current = [node.name for node in graph.nodes if node.current]
    if not current:
        return []
    return [
        f"    classDef current fill:{MARK},stroke:{INK},stroke-width:3px",
        f"    class {','.join(current)} current",
    ]


# ---- graphviz -----------------------------------------------------------------------------------

_FORMS = {
    "start": f'shape=circle width=0.18 label="" style=filled fillcolor="{INK}"',
    "end": f'shape=doublecircle width=0.14 label="" style=filled fillcolor="{INK}"',
    "state": 'shape=box style="rounded,filled"',
    "process": 'shape=box style="filled"',
    "call": 'shape=box style="filled" peripheries=2',
    "test": 'shape=diamond style="filled" margin="0.02,0.02"',
    "mark": 'shape=box style="rounded,filled,dashed"',
    "join": f'shape=point width=0.12 color="{INK}"',
}


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _label(node: Node) -> str:
    first, *rest = (html.escape(line) for line in node.lines)
    small = "".join(f'<br/><font point-size="9">{line}</font>' for line in rest)
    return f"<<b>{first}</b>{small}>" if node.shape == "state" else f"<{first}{small}>"


def _dot(graph: Graph) -> str:
    font = f'fontname="Helvetica" fontsize=11 color="{INK}" fontcolor="{INK}"'
    lines = [
        f"digraph {_literal(graph.title)} {{",
        f"  graph [bgcolor=white pad=0.1 rankdir={'LR' if graph.states else 'TB'} nodesep=0.35]",
        f"  node [{font} fillcolor={_literal(PAPER)}]",
        f"  edge [{font} fontsize=9 arrowsize=0.7]",
    ]
    for node in graph.nodes:
        form = _FORMS[node.shape]
        if node.lines and node.shape not in ("start", "end", "join"):
            form += f" label={_label(node)}"
        if node.current:
            form += f" fillcolor={_literal(MARK)} penwidth=2.5"
        if node.place:
            form += f" tooltip={_literal(node.place)}"
        lines.append(f"  {node.name} [{form}]")
    for edge in graph.edges:
        style = " style=dashed" if edge.broken else ""
        lines.append(
            f"  {edge.source} -> {edge.target} [label={_literal(f' {edge.label} ')}{style}]"
        )
    return "\n".join([*lines, "}"]) + "\n"


# ---- HTML ---------------------------------------------------------------------------------------


def _table(graph: Graph) -> str:
    """What is shown without graphviz: a row for each node, with the ways out of it."""
    names = {node.name: node.lines[0] if node.lines else node.shape for node in graph.nodes}
    rows = []
    for node in graph.nodes:
        if node.shape in ("start", "join"):
            continue
        ways = "<br/>".join(
            html.escape(f"{edge.label or 'then'} → {names[edge.target]}")
            for edge in graph.edges
            if edge.source == node.name
        )
        style = f' style="background:{MARK};color:#000"' if node.current else ""
        first, *rest = node.lines or [node.shape]
        more = "<br/>".join(html.escape(line) for line in rest)
        cells = f"<th{_CELL}>{html.escape(first)}</th><td{_CELL}>{more}</td><td{_CELL}>{ways}</td>"
        rows.append(f"<tr{style}>{cells}</tr>")
    title = html.escape(graph.title)
    caption = f'<caption style="text-align:left;font-weight:600">{title}</caption>'
    return f"<table>{caption}{''.join(rows)}</table>"


_CELL = ' style="text-align:left;vertical-align:top"'  # not as Jupyter has it
