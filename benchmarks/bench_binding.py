"""What a call into the kernel costs through theus.h, and through the binding gopy generates.

Run: python benchmarks/bench_binding.py, after make gopy. The generated binding runs in a process
of its own, since it brings another Go runtime; the two take turns, round by round. Each line asks
the same question: `call` a single call that returns a string, the others as many as it takes.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import Result, Side, compare, markdown, outside, table, update

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, _kernel

ROOT = Path(__file__).parents[1]
BINDING = ROOT / "build" / "gopy" / "binding"
ORACLE = ROOT / "python" / "tests" / "gopy_oracle.py"
PATH = "domain.accounts.alice"


def main() -> None:
    """Measure, show, and file the table where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    args = options.parse_args()
    if not BINDING.exists():
        sys.exit("bench_binding.py: the generated binding is not built; run make gopy")
    results = list(measure())
    print(table(results))
    if args.markdown:
        update(args.markdown, "bench_binding", markdown(results))


def measure() -> Iterator[Result]:
    """Compare question by question."""
    engine = TheusEngine(BaseSystemContext(None, BaseDomainContext()))
    engine._register("timed", print, ["domain.balance"], ["domain.accounts"], 0, [])
    names = {"canonical": _kernel.canonical, "zone_of": _kernel.zone_of, "text": PATH}
    ours = {
        "call": outside("canonical(text)", **names),
        "canonical": outside("canonical(text)", **names),
        "zone_of": outside("zone_of(text)", **names),
        "permission": outside("may('timed', text)", may=engine._permission, text=PATH),
        "refusal": outside(REFUSAL, **names),
    }
    command = [sys.executable, str(ORACLE), str(BINDING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        for what, side in ours.items():
            yield compare(what, "gopy", remote(it, what), side, 2_000)


REFUSAL = "\n        try: canonical('domain..x')\n        except ValueError: pass"


def remote(oracle: Any, what: str) -> Side:
    """Let the other process do the work, and time itself."""

    def side(n: int) -> int:
        oracle.stdin.write(json.dumps({"time": what, "n": n, "path": PATH}) + "\n")
        oracle.stdin.flush()
        return int(oracle.stdout.readline())

    return side


if __name__ == "__main__":
    main()
