"""What the documents show is what happens: every example in them is executed.

A page is read from top to bottom in one namespace. A ``python`` block is executed; a ``text``
block right after it is what it prints, but for the FILE:LINE of a line ``at:``. A ``pycon``
block is a session and checked line by line.
"""

import contextlib
import doctest
import importlib.util
import io
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import theus

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TESTED = [page for page in PAGES if "\ndef test_" in page.read_text(encoding="utf-8")]
PACKAGE = Path(theus.__path__[0])
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)
# What a page shows and only make build brings; without it the page is skipped. Such a page runs in
# a Python of its own: a thousand modules more would slow down every later collection of garbage.
NEEDS = {
    "comparison": ("burr", "langgraph", "pydantic_graph", "pyrsistent", "transitions"),
    "migrating-burr": ("burr",),
    "migrating-langgraph": ("langgraph",),
    "migrating-transitions": ("transitions",),
    "training": ("gymnasium",),
}
# Where an access was refused depends on the machine and on the line of a page.
PLACE = re.compile(r"^(  at: +)\S.*:\d+$", re.MULTILINE)
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
PARSER = doctest.DocTestParser()


@dataclass
class Block:
    """A fenced block of a page: its language, text and first line, and where it stands."""

    language: str
    text: str
    line: int
    start: int
    end: int


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page in order."""
    return [
        Block(match[1].strip(), match[2], page.count("\n", 0, match.start(2)), *match.span())
        for match in FENCE.finditer(page)
    ]


def run_page(path: Path, namespace: dict[str, object]) -> int:
    """Execute the examples of a page; return how many there were."""
    page = path.read_text(encoding="utf-8")
    blocks = blocks_of(page)
    count = 0
    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        if block.language == "pycon":
            run_session(path, block, namespace)
        elif block.language == "python":
            printed = io.StringIO()
            # The code stands on its line of the page, so a traceback shows the page.
            code = compile("\n" * block.line + block.text, path, "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, namespace)
            if after and after.language == "text" and not page[block.end : after.start].strip():
                promised, got = (
                    PLACE.sub(r"\1FILE:LINE", text.rstrip())
                    for text in (after.text, printed.getvalue())
                )
                assert promised == got, f"{path}:{block.line}: the block below prints\n{got}"
        else:
            continue
        count += 1
    return count


def run_session(path: Path, block: Block, namespace: dict[str, object]) -> None:
    """Execute a pycon block as doctest does, keeping what it defines."""
    session = PARSER.get_doctest(block.text, namespace, path.name, str(path), block.line)
    session.globs = namespace  # get_doctest takes a copy
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    result = runner.run(session, out=report.write, clear_globs=False)
    assert result.failed == 0, report.getvalue()


def run_apart(path: Path, folder: Path) -> None:
    """Execute the examples of a page in a Python of its own, in that folder."""
    command = [sys.executable, "-W", "error", __file__, path]
    quiet = os.environ | {"LANGSMITH_TRACING": "false"}  # LangGraph sends nothing from here
    done = subprocess.run(
        command, cwd=folder, env=quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["theus._kernel", *MODULES])
def test_docstrings(name: str) -> None:
    """Every example in a docstring does what it says."""
    module = importlib.import_module(name)
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0, report.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every python and pycon block of a page runs, in a folder of its own."""
    for package in NEEDS.get(page.stem, ()):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; make build brings it")
    if page.stem in NEEDS:
        run_apart(page, tmp_path)
        return
    module = ModuleType(f"page_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    try:
        run_page(page, vars(module))
    finally:
        vars(module).clear()
        caplog.clear()  # a record of a failure keeps the frames it went through


@pytest.mark.skipif(len(PAGES) == 1, reason="the sdist has no pages")
def test_what_pages_need_is_brought() -> None:
    """Law: only pages that exist need something, and peers have the version that was measured."""
    assert set(NEEDS) <= {page.stem for page in PAGES}
    measured = ROOT / "benchmarks" / "peers" / "requirements.txt"
    pins = dict(re.findall(r"^(\S+)==(\S+)$", measured.read_text(), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    brought = project["optional-dependencies"]["dev"]
    for peer in ("apache-burr", "langgraph", "pydantic-graph", "pyrsistent", "transitions"):
        assert f"{peer}=={pins[peer]}" in brought


@pytest.mark.skipif(len(PAGES) == 1, reason="the sdist has no pages")
def test_the_comparison_shows_what_was_measured() -> None:
    """Law: what a step costs stands on two pages, and is the same on both."""

    def rows(page: str, head: str) -> dict[str, list[str]]:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        table = text.partition(f"\n{head}")[2].partition("\n\n")[0].splitlines()[2:]
        return {name: rest for name, *rest in (re.split(r" *\| *", line)[1:-1] for line in table)}

    measured = rows("performance.md", "| | 1e1 keys | 1e3 keys | 1e5 keys |")
    shown = rows("comparison.md", "| | 1e1 keys | 1e5 keys |")
    assert len(shown) > 8
    for name, cells in shown.items():
        assert [measured[name][0], measured[name][2]] == cells[:2], name


@pytest.mark.parametrize("page", TESTED, ids=lambda page: page.stem)
def test_tests_of_pages(page: Path, tmp_path: Path) -> None:
    """The tests that a page shows pass for a reader who copies all of it into one file."""
    for package in NEEDS.get(page.stem, ()):
        pytest.importorskip(package, reason="only make build brings it")
    text = page.read_text(encoding="utf-8")
    python = [block.text for block in blocks_of(text) if block.language == "python"]
    copied = tmp_path / "test_copied.py"
    copied.write_text("\n".join(python), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", copied.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_say_what_they_need(page: Path) -> None:
    """A page whose examples import more than Python and Theus says what to install."""
    text = page.read_text(encoding="utf-8")
    python = "\n".join(block.text for block in blocks_of(text) if block.language == "python")
    imported = set(re.findall(r"^(?:from|import) (\w+)", python, re.MULTILINE))
    if imported - sys.stdlib_module_names - {"theus"}:
        assert "pip install " in text


def test_a_wrong_page_fails(tmp_path: Path) -> None:
    """The check checks: a page with another output, or a session that differs, does not pass."""
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n1\n```\n\n```pycon\n>>> 1 + 1\n2\n```\n")
    assert run_page(page, {}) == 2
    for wrong in ("```python\nprint(1)\n```\n```text\n2\n```\n", "```pycon\n>>> 1\n2\n```\n"):
        page.write_text(wrong)
        with pytest.raises(AssertionError):
            run_page(page, {})
        with pytest.raises(AssertionError, match="AssertionError"):
            run_apart(page, tmp_path)


if __name__ == "__main__":
    module = sys.modules["page"] = ModuleType("page")
    run_page(Path(sys.argv[1]), vars(module))
