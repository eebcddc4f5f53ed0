"""The tutorial notebooks show what happens: each is executed and compared with what it stores.

``THEUS_REWRITE=1`` stores what happened instead; read the diff before you keep it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="only make build brings it")
pytest.importorskip("nbclient", reason="only make build brings it")
pytest.importorskip("ipykernel", reason="only make build brings it")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
# What differs from run to run: when an event was, and where an object lies.
CHANGES = (
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "12:00:00"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x7f0000000000"),
)
Shown = list[tuple[str, str]]


def settled(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, always in CHANGES:
        text = pattern.sub(always, text)
    return text


# In an interpreter of its own: what the client leaves open is not for these tests to count. The
# kernel is reached through sockets in the folder, so no port of the machine is opened.
EXECUTE = """
import sys, jupyter_client, nbclient, nbformat
source, target, folder = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
kernel = jupyter_client.KernelManager(
    kernel_name="python3", transport="ipc", connection_file=f"{folder}/k.json"
)
resources = {"metadata": {"path": folder}}
client = nbclient.NotebookClient(
    notebook, km=kernel, timeout=120, resources=resources, record_timing=False
)
try:
    client.execute()
finally:
    kernel.shutdown_kernel(now=True)
nbformat.write(notebook, target)
"""


def executed(path: Path, folder: Path) -> Any:
    """A notebook with what its cells show now."""
    target = folder / path.name
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(path), str(target), str(folder)],
        env={**os.environ, "IPYTHONDIR": str(folder / "ipython")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return nbformat.read(target, as_version=4)


def shown(cell: Any) -> tuple[dict[str, str], Shown]:
    """What a cell prints, by stream, and what it shows besides.

    The traceback of an error is IPython's, and changes with it; its name and text are ours. A
    picture is left out, since graphviz draws it where it is installed; its text is not.
    """
    printed: dict[str, str] = {}
    values: Shown = []
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            printed[output.name] = printed.get(output.name, "") + settled(output.text)
        elif output.output_type == "error":
            values.append((output.ename, settled(output.evalue)))
        else:
            drawn = "flowchart TD" in output.data["text/plain"] or "stateDiagram" in str(output)
            kinds = ["text/plain"] if drawn else sorted(output.data)
            values += [(kind, settled(output.data[kind])) for kind in kinds]
    return printed, values


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_true(path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Law: each cell shows what is stored below it, and nothing of this machine is stored."""
    stored = nbformat.read(path, as_version=4)
    now = executed(path, tmp_path_factory.mktemp("nb"))  # a short name, as sockets want
    if "THEUS_REWRITE" in os.environ:
        for cell in now.cells:
            for output in cell.get("outputs", ()):
                settle(output)
        nbformat.write(now, path)
    else:
        assert len(stored.cells) == len(now.cells)
        for before, after in zip(stored.cells, now.cells, strict=True):
            assert shown(before) == shown(after), before.source
    text = path.read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert "ipykernel_" not in text


def settle(output: Any) -> None:
    """Take what differs from run to run out of an output."""
    if output.output_type == "stream":
        output.text = settled(output.text)
    elif output.output_type == "error":
        output.evalue = settled(output.evalue)
    else:
        for kind in output.data:
            output.data[kind] = settled(output.data[kind])


def test_there_are_notebooks() -> None:
    """The check checks something: two tutorials, which the page about notebooks names."""
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) >= 2
    assert [path.name for path in NOTEBOOKS if path.name not in page] == []
