"""docs/security.md lists exactly the attempts of test_escape.py.

Run as a program, this file writes the list anew.
"""

import ast
import inspect
import re
import sys
from pathlib import Path

import test_escape

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
SOURCE = Path(__file__).with_name("test_escape.py")
HEADING = re.compile(r"^# ---- (.+?) -+$")
START, END = "<!-- attempts -->\n", "<!-- end of attempts -->\n"


def sections(source: str) -> dict[str, list[str]]:
    """The names of the attempts in their order, below the headings of the file."""
    names = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            if any(getattr(each, "id", "") == "attempt" for each in node.decorator_list):
                names[node.lineno] = node.name
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            first = node.value.args[0] if node.value.args else None
            if getattr(node.value.func, "id", "") == "add" and isinstance(first, ast.Constant):
                names[node.lineno] = str(first.value)
    found: dict[str, list[str]] = {}
    title = ""
    for number, line in enumerate(source.splitlines(), 1):
        if match := HEADING.match(line):
            title = match[1]
        elif number in names:
            found.setdefault(title, []).append(names[number])
    return found


def listing() -> str:
    """The list as it stands on the page."""
    found = sections(SOURCE.read_text(encoding="utf-8"))
    lines = [f"There are {sum(map(len, found.values()))}.", ""]
    for title, names in found.items():
        lines += [f"### {title[0].upper()}{title[1:]}", ""]
        for name in names:
            told = inspect.getdoc(test_escape.ATTEMPTS[name])
            told = re.sub(r"^[A-Z]\d+: |\s+", " ", told or "").strip()
            told = re.sub(r"\b__\w+__", r"`\g<0>`", told)
            lines.append(f"* {name.replace('_', ' ')}" + (f": {told}" if told else ""))
        lines.append("")
    return "\n".join(lines)


def test_the_page_lists_every_attempt() -> None:
    """No attempt is missing on the page, and none is there that is not tried."""
    names = [
        name for names in sections(SOURCE.read_text(encoding="utf-8")).values() for name in names
    ]
    assert sorted(names) == sorted(test_escape.ATTEMPTS)
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(START)[2].partition(END)[0] == listing()


def test_every_attempt_is_a_test() -> None:
    """The parameters of the test are the attempts, in both ways a run may end."""
    marks = {mark.args[0]: mark.args[1] for mark in test_escape.test_escape.pytestmark}
    assert list(marks["name"]) == list(test_escape.ATTEMPTS)
    assert marks["fails"] == [False, True]


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + START + listing() + END + rest.partition(END)[2], encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")
