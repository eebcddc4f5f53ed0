"""What keeps the project tidy keeps its own form: the changelog, the Makefile, the hooks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import theus

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
# Those of https://keepachangelog.com/en/1.1.0/
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def number(version: str) -> tuple[int, ...]:
    """A version as numbers."""
    return tuple(map(int, version.split(".")))


def test_the_changelog_names_every_version_newest_first() -> None:
    """Law: what is not released stands first, then versions in order, this one among them."""
    heads = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    versions = [head.partition(" ")[0].strip("[]") for head in heads[1:]]
    assert theus.__version__ in versions
    assert versions == sorted(set(versions), key=number, reverse=True)


def test_the_changelog_says_what_kind_of_change_it_is() -> None:
    """Law: under a version stand the kinds of Keep a Changelog, once each, in their order."""
    for part in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.*)$", part, re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds]
        for changes in re.split(r"^### .*$", part, flags=re.MULTILINE)[1:]:
            lines = [line for line in changes.splitlines() if line]
            assert lines, "a kind without a change"
            assert lines[0].startswith("- ")
            assert all(line.startswith(("- ", "  ")) for line in lines), lines


def test_make_help_lists_every_target() -> None:
    """Law: a target that a person may call says what it does."""
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^make (\S+) +\S", done.stdout, re.MULTILINE)
    phony = set(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))
    assert len(set(listed)) == len(listed)
    assert set(listed) == phony - {"tools"}


def test_three_commands_set_up() -> None:
    """Law: the commands of CONTRIBUTING.md are targets, and there are three."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    setup = page.partition("```sh\n")[2].partition("```")[0].splitlines()
    targets = [line.split()[1] for line in setup]
    assert len(targets) == 3
    assert all(f"\n{target}:" in MAKEFILE for target in targets)


def test_the_hook_runs_what_ci_runs() -> None:
    """Law: pre-commit accepts its configuration, which has nothing of its own."""
    pytest.importorskip("pre_commit")  # make check needs it; other Pythons do not
    config = ROOT / ".pre-commit-config.yaml"
    command = [sys.executable, "-m", "pre_commit", "validate-config", config]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert re.findall(r"entry: (.*)", config.read_text()) == ["make check"]
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^test: check ", MAKEFILE, re.MULTILINE)


FILES = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=False,
).stdout.split("\0")[:-1]


@pytest.mark.skipif(not FILES, reason="this is no checkout")
def test_files_are_what_the_editor_was_told() -> None:
    """Law: a text ends in one newline, and no line of it in blanks."""
    wrong = []
    for name in FILES:
        path = ROOT / name
        if not path.is_file() or "testdata" in path.parts:
            continue
        data = path.read_bytes()
        if b"\0" in data or not data:
            continue
        text = data.decode("utf-8")
        wrong += [f"{name}: does not end in one newline"] * (not re.search(r"(^|[^\n])\n\Z", text))
        wrong += [f"{name}: CRLF"] * ("\r" in text)
        for at, line in enumerate(text.split("\n"), 1):
            wrong += [f"{name}:{at}: blanks at its end"] * (line != line.rstrip())
    assert wrong == []
