"""What a check finds, and how it is told: as text, as JSON, as SARIF 2.1.0."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from theus._version import __version__

RULES = {
    "bad-source": "A file is no Python.",
    "bad-contract": "An entry of a contract is no path, or cannot be what it is declared as.",
    "bad-recipe": "A recipe of the audit is malformed.",
    "bad-schema": "A schema is malformed.",
    "bad-workflow": "A workflow is malformed.",
    "bad-machine": "A state machine is malformed.",
    "unknown-path": "A path leads to no field of the context.",
    "unknown-process": "A file names a process that does not exist.",
    "undeclared-read": "A process reads what its contract does not let it read.",
    "undeclared-write": "A process writes what is not among its outputs.",
    "unused-grant": "A contract names a path that its process never touches.",
    "never-written": "A declared output is never written.",
    "read-before-write": "A field without a value is read before any step wrote it.",
    "unreachable-state": "No way leads to a state.",
    "parallel-conflict": "Two branches that run side by side write the same path.",
}
"""Every rule of a check, with its law broken in a sentence."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where it stands, and what to do about it."""

    file: str
    line: int
    column: int
    rule: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        fix = f"\n    fix: {self.fix}" if self.fix else ""
        return f"{place}: {self.rule}: {self.message}{fix}"


def as_text(findings: Sequence[Finding], looked_at: str) -> str:
    """A finding a paragraph, and at the end how many there are."""
    count = (
        f"{len(findings)} finding{'' if len(findings) == 1 else 's'}" if findings else "no findings"
    )
    return "\n".join([*map(str, findings), f"{count} in {looked_at}"])


def as_json(findings: Sequence[Finding]) -> str:
    """A list of objects, each with file, line, column, rule, message and fix."""
    return json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False)


def as_sarif(findings: Sequence[Finding]) -> str:
    """A run of SARIF 2.1.0, which code hosts and editors show beside the source."""
    rules = sorted({each.rule for each in findings})
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "theus check",
                        "version": __version__,
                        "rules": [
                            {"id": rule, "shortDescription": {"text": RULES[rule]}}
                            for rule in rules
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, rules.index(each.rule)) for each in findings],
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    text = finding.message + (f"\nfix: {finding.fix}" if finding.fix else "")
    place = {
        "artifactLocation": {"uri": _uri(finding.file)},
        "region": {"startLine": max(finding.line, 1), "startColumn": max(finding.column, 1)},
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    """A path as a reference: relative ones stay so, since SARIF is read beside the checkout."""
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
