"""What a question to the kernel costs through theus.h, and through the binding gopy generates.

Run: python benchmarks/bench_binding.py [--markdown PAGE], after make gopy. The generated binding
runs in a process of its own, since it brings another Go runtime; the two take turns, round by
round. `one call` is the zone of a name, a string in and a number out; each other line asks a whole
question, in as many calls as that takes.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import Side, machine, measure, outside, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, _kernel

ROOT = Path(__file__).parents[1]
BINDING = ROOT / "build" / "gopy" / "binding"
ORACLE = ROOT / "python" / "tests" / "gopy_oracle.py"
PATH = "domain.accounts.alice"
REFUSED = "\n        try: canonical('domain..x')\n        except ValueError: pass"


def main() -> None:
    """Measure, show, and put the table into a page where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    if not BINDING.exists():
        sys.exit("bench_binding.py: the generated binding is not built; run make gopy")
    lines = ["| question | gopy ns | theus ns | gopy / theus |", "|---|---:|---:|---:|"]
    command = [sys.executable, str(ORACLE), str(BINDING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        for question, side in ours().items():
            gopy, theus, ratio = measure(theirs(it, question), side, 2_000)
            lines.append(f"| {question} | {gopy:,.0f} | {theus:,.0f} | {1 / ratio:.1f} |")
    text = "\n".join([*lines, "", machine()])
    print(text)
    if args.markdown:
        update(args.markdown, "bench_binding", text)


def ours() -> dict[str, Side]:
    """Ask through theus.h; gopy_oracle.py knows the same questions."""
    engine = TheusEngine(BaseSystemContext(None, BaseDomainContext()))
    engine._register("timed", print, ["domain.balance"], ["domain.accounts"], 0, [])
    names = {"canonical": _kernel.canonical, "zone_of": _kernel.zone_of, "text": PATH}
    return {
        "one call": outside("zone_of('a')", 1, **names),
        "canonical": outside("canonical(text)", 1, **names),
        "zone_of": outside("zone_of(text)", 1, **names),
        "permission": outside("may('timed', text)", 1, may=engine._permission, text=PATH),
        "refusal": outside(REFUSED, 1, **names),
    }


def theirs(oracle: Any, question: str) -> Side:
    """Let the other process ask, and time itself."""

    def side(n: int) -> int:
        oracle.stdin.write(json.dumps({"time": question, "n": n, "path": PATH}) + "\n")
        oracle.stdin.flush()
        return int(oracle.stdout.readline())

    return side


if __name__ == "__main__":
    main()
