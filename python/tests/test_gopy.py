"""Two bindings of one kernel: ours, and the one that gopy generates. They must answer alike.

The second knows nothing of theus.h, of shapes or of the extension: it asks the packages of core/
through code that nobody here wrote. So whatever is lost, cut short or mixed up on our way through
C shows as a difference. It runs in a process of its own (gopy_oracle.py), since it brings another
Go runtime. Strings with a NUL are left out: gopy cuts them off.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, TheusError, _kernel

pytestmark = pytest.mark.gopy

BINDING = Path(__file__).parents[2] / "build" / "gopy" / "binding"
MORE = 20 if os.environ.get("THEUS_DEEP") else 1

ROOTS = ["domain", "domain", "domain", "domain_ctx", "global", "global_ctx", "elsewhere"]
NAMES = ["a", "b", "c", "sig_x", "cmd_go", "meta_m", "heavy_h", "domain", "_p", "été", "变量"]
KEYS = [*NAMES, "", "a.b", "it's", 'say "a"', "back\\slash", "two\nlines", "*", "😀", "sig_"]
NUMBERS = ["0", "1", "7", "-1", "9223372036854775807", "9223372036854775808", "007"]

Oracle = Callable[..., Any]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """oracle(**question) asks the second binding."""
    assert BINDING.exists(), "the second binding is not built; run make gopy"
    command = [sys.executable, str(Path(__file__).with_name("gopy_oracle.py")), str(BINDING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:

        def ask(**question: Any) -> Any:
            assert it.stdin is not None
            assert it.stdout is not None
            it.stdin.write(json.dumps(question) + "\n")
            it.stdin.flush()
            return json.loads(it.stdout.readline())

        yield ask


@pytest.fixture
def engine() -> Iterator[TheusEngine]:
    """An engine of our binding; its context is never looked at."""
    with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
        yield engine


@pytest.fixture(params=range(4))
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Repeatable chance: the same number, the same test."""
    return random.Random(request.param)


def answered(function: Callable[..., Any], *arguments: Any) -> Any:
    """Give what our binding returns, or its refusal, in the words of the oracle."""
    try:
        return function(*arguments)
    except (ValueError, KeyError, TheusError) as refusal:
        return {"error": refusal.args[0].split("\n")[0]}


def any_step(chance: random.Random) -> str:
    """Give a step of a path, as a user may spell it."""
    kind = chance.random()
    if kind < 0.55:
        return "." + chance.choice(NAMES)
    if kind < 0.75:
        quote = chance.choice("'\"")
        key = chance.choice(KEYS).replace("\\", "\\\\").replace("\n", "\\n")
        return "[" + quote + key.replace(quote, "\\" + quote) + quote + "]"
    if kind < 0.9:
        return f"[{chance.choice(NUMBERS)}]"
    return chance.choice([".*", "[*]"])


def any_path(chance: random.Random, broken: float = 0.1) -> str:
    """Give a path; some are not one."""
    steps = [any_step(chance) for _ in range(chance.choice([0, 1, 1, 2, 2, 3, 4, 9]))]
    text = chance.choice(ROOTS) + "".join(steps)
    if chance.random() < broken:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(["", *" .[]'\"*()\\-_9é", "\t"]) + text[at + 1 :]
    return text


def any_contract(chance: random.Random) -> tuple[list[str], list[str]]:
    """Give inputs and outputs; some contracts are refused."""
    broken = chance.choice([0, 0, 0, 0.1])
    inputs = [any_path(chance, broken) for _ in range(chance.randrange(4))]
    outputs = [any_path(chance, broken) for _ in range(chance.randrange(4))]
    if chance.random() < 0.8:
        inputs = [p for p in inputs if not any(z in p for z in ("sig_", "cmd_", "meta_"))]
        inputs, outputs = ([p for p in side if "_p" not in p] for side in (inputs, outputs))
    return inputs, outputs


def questions(chance: random.Random, declared: list[str]) -> list[str]:
    """Give paths at, above, below and beside what a contract declares."""
    near = [p + any_step(chance) for p in declared] + [p.rsplit(".", 1)[0] for p in declared]
    return [*declared, *near, *(any_path(chance) for _ in range(3))]


def test_paths(oracle: Oracle, chance: random.Random) -> None:
    """Law: both bindings spell every path alike, find the same zone, and refuse alike."""
    paths = [any_path(chance, 0.3) for _ in range(11000 * MORE)]
    ours = [answered(lambda p: [_kernel.canonical(p), _kernel.zone_of(p)], p) for p in paths]
    assert dict(zip(paths, oracle(paths=paths), strict=True)) == dict(zip(paths, ours, strict=True))


def test_contracts(oracle: Oracle, engine: TheusEngine, chance: random.Random) -> None:
    """Law: both bindings grant the same rights on every path, and refuse the same contracts."""
    granted = refused = 0
    for number in range(1000 * MORE):
        name = f"process {number}"
        inputs, outputs = any_contract(chance)
        paths = questions(chance, inputs + outputs)
        theirs = oracle(contract=[name, inputs, outputs], paths=paths)
        ours = answered(engine._register, name, print, inputs, outputs, 0, [])
        if ours is None:
            ours = [answered(lambda *a: list(engine._permission(*a)), name, p) for p in paths]
            granted += 1
        else:
            refused += 1
        assert theirs == ours, (inputs, outputs, paths)
    assert granted > refused > 0


def test_names(oracle: Oracle, engine: TheusEngine, chance: random.Random) -> None:
    """Law: both registries find the newest process of a name, and suggest the same nearest one."""
    words = ["debit", "debits", "credit", "audit", "été", "a b", "remit", "remit2"]
    names = [chance.choice(words) for _ in range(6)]
    ask = [*words, "debti", "crdit", "remi", "Audit", "nothing like it"]
    functions = [lambda: None for _ in names]
    for name, function in zip(names, functions, strict=True):
        engine._register(name, function, [], [], 0, [])

    def find(name: str) -> int:
        return functions.index(engine.get_process(name)) + 1

    assert oracle(names=names, ask=ask) == [answered(find, name) for name in ask]
