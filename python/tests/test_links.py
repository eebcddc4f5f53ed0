"""Links in the documents lead somewhere; none is followed out of the checkout.

Sphinx says the same of the pages of the site. This is about every Markdown file, as people read it
in the checkout, and about the form of what points outside.
"""

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
FENCE = re.compile(r"^ *(`{3,}).*?^ *\1[ \t]*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}[ \t]+(.*?)[ \t]*$", re.MULTILINE)
BARE = re.compile(r"(?<![(<\w])https?://[^\s)>\"'`|]+")


def documents() -> list[Path]:
    """Every Markdown file of the checkout; the sdist has not what they link to."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = [ROOT / name for name in listed.stdout.split("\0")[:-1]]
    return sorted(path for path in found if path.is_file())


def anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings, as GitHub and Sphinx spell them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    words = [
        re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).lower() for head in HEADING.findall(text)
    ]
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in words}


def wrong(page: Path) -> list[str]:
    """What is wrong with the links of a page."""
    text = re.sub("`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    found = [*LINK.findall(text), *BARE.findall(text)]
    return [f"{target}: {fault}" for target in found if (fault := fault_of(page, target))]


def fault_of(page: Path, target: str) -> str:
    """Why a link leads nowhere; empty if it leads somewhere, or may."""
    parts = urlsplit(target)
    if parts.scheme:
        host = parts.hostname or ""
        formed = parts.scheme == "https" and re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", host)
        return "" if formed and not parts.username else "no address of the form https://host/..."
    file = (page.parent / parts.path).resolve() if parts.path else page
    if not file.is_relative_to(ROOT) or not file.exists():
        return "there is no such file"
    if parts.fragment and file.suffix == ".md" and parts.fragment not in anchors(file):
        return "there is no such heading"
    return ""


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Law: a relative link names a file that exists and a heading in it; others are https."""
    assert wrong(page) == []


def test_a_wrong_link_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check checks: each of the wrong links is named, none of the right ones."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    page = tmp_path / "page.md"
    right = (
        "[a](other.md#what-is-it) [b](#here) [c](https://peps.python.org/pep-0008/) `[d](no.md)`"
    )
    broken = ["no.md", "other.md#not-there", "http://old.org", "https:///x", "../outside.md"]
    (tmp_path / "other.md").write_text("# What is `it`?\n")
    page.write_text(f"# Here\n{right}\n" + "\n".join(f"[x]({target})" for target in broken))
    assert [fault.partition(": ")[0] for fault in wrong(page)] == broken
