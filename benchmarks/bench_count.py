"""What one operation costs in instructions, crossings into the kernel, and allocations.

Run: python benchmarks/bench_count.py [--check] [--update] [--markdown PAGE]. Time depends on what
else the machine does; these counts do not. `--check` fails when one has grown past its budget,
benchmarks/budget.json; `--update` writes the budget anew.

It needs valgrind: callgrind counts the instructions of the thread that calls. Crossings and
allocations are counted in a run of their own, without valgrind (meter.c says how). Nothing is
estimated.
"""

import argparse
import ctypes
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import common
from bench_call import cases
from common import Case, Side, outside, update

import theus

HERE = Path(__file__).parent
BUDGET = HERE / "budget.json"
KERNEL = Path(theus.__file__).with_name("libtheus.so")
METER = HERE.parent / "build" / "meter.so"

GROWTH = 1.05
"""How much a count of instructions may grow before it counts as slower."""

MOST = 400
"""Operations of one stretch; callgrind runs fifty times slower than the machine."""

BLOCKS = (1 << 40) - 1
"""The lower bits of what the meter answers; crossings stand above them."""


@dataclass(frozen=True)
class Count:
    """What one operation costs."""

    what: str
    plain: float  # instructions of the other side
    instructions: float
    crossings: float
    allocations: float  # more than the other side makes


def main() -> None:
    """Count everything, show it, and hold it against the budget where asked."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true", help="fail if a count has grown")
    options.add_argument("--update", action="store_true", help="write the budget anew")
    options.add_argument("--markdown", type=Path, help="put the table into this page")
    options.add_argument("--child", choices=["instructions", "events"], help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.child is not None:
        child(args.child)
        return
    counts = list(measure())
    print(markdown(counts))
    if args.markdown:
        update(args.markdown, "bench_count", markdown(counts))
    if args.update:
        write_budget(counts)
    if args.check:
        sys.exit(check(counts))


# ---- the side that is measured -----------------------------------------------------------------


def child(kind: str) -> None:
    """Run every side of every case, once to warm up and once counted."""
    meter = ctypes.PyDLL(str(METER))
    meter.meter_mark.argtypes = meter.meter_watch.argtypes = [ctypes.c_char_p]
    meter.meter_events.restype = ctypes.c_int64
    if kind == "events" and meter.meter_watch(os.fsencode(KERNEL)) < 0:
        sys.exit(f"crossings cannot be counted: {KERNEL} was not found, or is of another build")
    clock = Marks(meter) if kind == "instructions" else meter.meter_events
    common.clock = clock
    for at, (case, n) in enumerate(stretches()):
        for name, side in zip(("plain", "theus"), case.pair(1), strict=True):
            side(n)
            side(n)
            if isinstance(clock, Marks):
                clock.name = f"{at} {name}"
            events = side(n)
            if isinstance(clock, Marks):
                clock.name = None
            else:
                print(f"{at} {name}\t{events}")


class Marks:
    """A clock for `loop` that marks a stretch for callgrind while it has a name for it."""

    def __init__(self, meter: ctypes.PyDLL) -> None:
        self.name: str | None = None
        self._mark = meter.meter_mark
        self._begun = False

    def __call__(self) -> int:
        if self.name is not None:
            self._mark(self.name.encode() if self._begun else None)
            self._begun = not self._begun
        return 0


def stretches() -> Iterator[tuple[Case, int]]:
    """Every case with its number of operations. First the loop itself, of no turns and of many."""

    def nothing(unroll: int) -> tuple[Side, Side]:
        return outside("pass", unroll), outside("pass", unroll)

    yield Case("no loop", "", nothing, 0), 0
    yield Case("loop", "", nothing, MOST), MOST
    for case in cases(largest=1_000):
        if "one of" not in case.against and "committed" not in case.against:
            yield case, max(1, min(MOST, case.n // 50))


# ---- the side that reads -----------------------------------------------------------------------


def measure() -> Iterator[Count]:
    """Run both children, and reduce what they left to one operation."""
    compile_meter()
    with tempfile.TemporaryDirectory() as folder:
        sums = dict(dumps(Path(folder)))
    lines = run([sys.executable, __file__, "--child", "events"]).splitlines()
    events = {name: int(n) for name, n in (line.split("\t") for line in lines)}
    once, turn = sums["0 plain"], (sums["1 plain"] - sums["0 plain"]) / MOST
    for at, (case, n) in enumerate(stretches()):
        if case.against == "":
            continue
        costs = [(sums[f"{at} {side}"] - once) / n - turn for side in ("plain", "theus")]
        base, ours = events[f"{at} plain"], events[f"{at} theus"]
        allocated = ((ours & BLOCKS) - (base & BLOCKS)) / n
        yield Count(case.what, *costs, (ours >> 40) / n, allocated)


def compile_meter() -> None:
    """Build the counter beside everything else that is made."""
    if shutil.which("valgrind") is None or not Path("/usr/include/valgrind/callgrind.h").exists():
        sys.exit("bench_count.py: counting needs valgrind and its header (Debian: valgrind)")
    METER.parent.mkdir(exist_ok=True)
    include = sysconfig.get_path("include")
    headers = [f"-I{include}", f"-I{HERE.parent / 'capi'}"]
    command = ["gcc", "-O1", "-shared", "-fPIC", *headers, str(HERE / "meter.c")]
    subprocess.run([*command, "-o", str(METER)], check=True)


def run(command: list[str]) -> str:
    """Run a child in an environment that is the same each time; return what it printed."""
    # Go interrupts a long loop by a signal, which callgrind does not follow onto Go's own stacks.
    fixed = {"PYTHONHASHSEED": "0", "GODEBUG": "asyncpreemptoff=1"}
    done = subprocess.run(
        command, env=os.environ | fixed, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"bench_count.py: {' '.join(command[:3])} failed\n{done.stdout}{done.stderr}")
    return done.stdout


def dumps(folder: Path) -> Iterator[tuple[str, int]]:
    """Count the instructions of every stretch in the first thread."""
    out = folder / "callgrind"
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
    child = [sys.executable, __file__, "--child", "instructions"]
    run([*valgrind, f"--callgrind-out-file={out}", *child])
    for file in folder.glob("callgrind.*-01"):
        text = file.read_text()
        trigger = "desc: Trigger: Client Request: "
        if trigger in text:
            name = text.split(trigger)[1].split("\n", 1)[0]
            yield name, int(text.split("\ntotals: ")[1].split()[0])


# ---- what comes of it --------------------------------------------------------------------------


def markdown(counts: list[Count]) -> str:
    """Format for the terminal and for a page."""
    lines = [
        "| operation | plain | theus | ratio | crossings | allocations |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for c in counts:
        cells = f"{c.plain:,.0f} | {c.instructions:,.0f} | {c.instructions / c.plain:.2f}"
        lines.append(f"| {c.what} | {cells} | {c.crossings:.3g} | {c.allocations:.3g} |")
    return "\n".join([*lines, "", f"Counted on {build()}."])


def build() -> str:
    """Name what the counts depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {platform.system()} {platform.machine()}"


def write_budget(counts: list[Count]) -> None:
    """Make what was counted now the budget."""
    operations = {
        c.what: {
            "instructions": round(c.instructions),
            "crossings": round(c.crossings, 2),
            "allocations": round(c.allocations, 2),
        }
        for c in counts
    }
    data = {"build": build(), "operations": operations}
    BUDGET.write_text(json.dumps(data, indent=2) + "\n")


def check(counts: list[Count]) -> str | int:
    """Hold the counts against the budget; the text says what has grown, 0 if nothing."""
    budget = json.loads(BUDGET.read_text())
    if budget["build"] != build():
        return (
            f"bench_count.py: the budget is of {budget['build']}, this is {build()}, whose counts"
            f" are others; check out the commit before and run --update there first"
        )
    grown = []
    for c in counts:
        allowed = budget["operations"].get(c.what)
        if allowed is None:
            grown.append(f"{c.what}: has no budget; run --update")
            continue
        limits = {
            "instructions": allowed["instructions"] * GROWTH,
            "crossings": allowed["crossings"] + 0.01,
            "allocations": allowed["allocations"] + 0.01,
        }
        grown += [
            f"{c.what}: {asdict(c)[kind]:,.4g} {kind}, the budget is {allowed[kind]:,}"
            for kind, limit in limits.items()
            if asdict(c)[kind] > limit
        ]
    return "\n".join(["bench_count.py: past the budget", *grown]) if grown else 0


if __name__ == "__main__":
    main()
