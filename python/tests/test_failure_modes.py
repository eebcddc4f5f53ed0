"""Ways to be wrong that others took, and which no other file of tests names.

docs/failure-modes.md has the whole list, with the test that closes each of them.
"""

import ast
import os
import re
import subprocess
import sys
import threading
import timeit
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import World
from model import Plain

import theus
from theus import BaseDomainContext, BaseSystemContext, ContractViolationError, TheusEngine, process

TESTS = Path(__file__).parent
PACKAGE = Path(theus.__path__[0])


# ---- data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", range(1, 9))
def test_a_child_is_one_object_at_every_depth(depth: int) -> None:
    """D4: a write below a chain of keys and elements is read back in the run, and stays."""
    root: dict[str, Any] = {}
    for _ in range(depth):
        root = {"child": [root]}
    world = World(root=root)

    def body(ctx: Any) -> None:
        for value in (1, 2):
            node = ctx.domain.root
            for _ in range(depth):
                node = node["child"][0]
            node[f"key{value}"] = value
            node.setdefault("rows", []).append(value)
        assert node == {"key1": 1, "key2": 2, "rows": [1, 2]}

    world.run(body)
    node = world.domain.root
    for _ in range(depth):
        node = node["child"][0]
    assert node == {"key1": 1, "key2": 2, "rows": [1, 2]}


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("result", [None, "ok", ("a", "b"), [1], {"x": 5}])
def test_a_result_is_a_result(writes: bool, result: Any) -> None:
    """D7, D8: what a process returns is handed on and never taken for a write, or for none."""
    world = World(x=0, y=0)

    def body(ctx: Any) -> Any:
        if writes:
            ctx.domain.x = 1
        return result

    assert world.run(body, outputs=["domain.x", "domain.y"]) is result
    assert (world.domain.x, world.domain.y) == (int(writes), 0)


class Both:
    """Items and attributes of the same names."""

    def __init__(self) -> None:
        self.items = {"k": 1}
        self.k = 2

    def __getitem__(self, key: str) -> Any:
        return self.items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.items[key] = value


def test_an_item_is_no_attribute() -> None:
    """D13: an item and an attribute of one name are two things, from the view to the object."""
    world = World(both=Both())

    def body(ctx: Any) -> None:
        ctx.domain.both["k"] = 10
        assert (ctx.domain.both["k"], ctx.domain.both.k) == (10, 2)
        ctx.domain.both.k = 20

    world.run(body)
    assert (world.domain.both.items, world.domain.both.k) == ({"k": 10}, 20)


@pytest.mark.parametrize("kind", [OrderedDict, Counter, lambda: defaultdict(int)])
def test_an_item_of_a_relative_of_dict(kind: Any) -> None:
    """D13: the same for the relatives of dict: supported, or refused where they are met."""
    world = World(d=kind())
    try:
        world.run(lambda ctx: ctx.domain.d.__setitem__("k", 1))
    except theus.UnsupportedValueError:
        assert not world.domain.d
    else:
        assert dict(world.domain.d) == {"k": 1}
    assert not hasattr(world.domain.d, "k")


# ---- leaks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, dict])
def test_a_view_has_no_method_that_nobody_knows(kind: type) -> None:
    """L3, L4: a view has the methods of what it stands for; one more would need a test first."""
    world = World(value=kind())
    names: set[str] = set()
    world.run(lambda ctx: names.update(dir(type(ctx.domain.value))))
    assert names - set(dir(kind)) <= {"__module__", "__copy__", "__deepcopy__", "__radd__"}


def test_framework_code_needs_no_contract(caplog: pytest.LogCaptureFixture) -> None:
    """L24: ctx.log and ctx.local work in a process that may read and write nothing."""

    def body(ctx: Any) -> Any:
        ctx.log.warning("here")
        ctx.local.x = 1
        return ctx.local.x

    assert World(debug=True).run(body, outputs=[]) == 1
    assert "here" in caplog.text


# ---- concurrency ---------------------------------------------------------------------------------


def test_the_first_commit_is_no_exception() -> None:
    """C4: a race on a fresh engine loses nothing, nor do siblings five levels down."""
    for _ in range(20):
        deep = {"a": {"b": {"c": {"d": {}}}}}
        world = World(n=0, deep=deep)
        gate = threading.Barrier(4)

        def body(ctx: Any) -> None:
            number = ctx.domain.n
            ctx.domain.deep["a"]["b"]["c"]["d"][number] = True
            ctx.domain.n = number + 1

        def start(world: World = world, gate: Any = gate, body: Any = body) -> None:
            gate.wait()
            world.run(body)

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert world.domain.n == world.engine.version == len(deep["a"]["b"]["c"]["d"]) == 4


def test_an_error_that_speaks_of_conflicts_is_none() -> None:
    """C5, C6: the text of an error makes no process run again, and its attempt leaves nothing."""
    world = World(runs=0)
    runs = []

    def body(ctx: Any) -> None:
        runs.append(1)
        ctx.domain.runs += 1
        raise RuntimeError("TransactionConflictError: version conflict, CAS failed, please retry")

    with pytest.raises(ContractViolationError):
        world.run(body)
    assert (len(runs), world.domain.runs, world.engine.version) == (1, 0, 0)


def test_many_writers_of_one_key_end() -> None:
    """C9: sixty-four threads that write one field end, and each of them is counted."""
    world = World(n=0)
    threads = [
        threading.Thread(
            target=lambda: world.run(lambda ctx: setattr(ctx.domain, "n", ctx.domain.n + 1))
        )
        for _ in range(64)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert world.domain.n == 64


# ---- memory --------------------------------------------------------------------------------------


def test_reading_one_key_costs_the_same_in_any_dict() -> None:
    """M6: a read copies nothing: one key of a million costs what one of ten does."""

    def seconds(size: int) -> float:
        world = World(d=dict.fromkeys(range(size), 0))
        return min(
            timeit.repeat(lambda: world.run(lambda ctx: ctx.domain.d[3]), number=20, repeat=5)
        )

    assert seconds(1_000_000) < 10 * seconds(10)


def test_access_costs_the_same_under_any_number_of_rules() -> None:
    """M8: a contract of 2,000 entries makes a read no slower than one of two."""

    def seconds(rules: int) -> float:
        world = World(x=1)
        inputs = ["domain.x", *(f"domain.other{n}.leaf" for n in range(rules))]

        def body(ctx: Any) -> float:
            domain = ctx.domain
            return min(timeit.repeat(lambda: domain.x, number=2000, repeat=5))

        return float(world.run(body, inputs=inputs, outputs=[]))

    assert seconds(2000) < 10 * seconds(2)


@pytest.mark.parametrize(
    "sign", ["+=", "-=", "*=", "//=", "**=", "%=", "&=", "|=", "^=", "<<=", ">>="]
)
def test_operators_in_place_on_heavy_arrays(sign: str) -> None:
    """M12: every operator of assignment works on a heavy output, in its own memory."""
    world = World(heavy_a=np.arange(1, 5))
    array, twin = world.domain.heavy_a, np.arange(1, 5)
    code = compile(f"owner.heavy_a {sign} 2", "operator", "exec")
    exec(code, {"owner": Plain(heavy_a=twin)})
    world.run(lambda ctx: exec(code, {"owner": ctx.domain}))
    assert world.domain.heavy_a is array
    assert array.tolist() == twin.tolist()


# ---- order, interop, packaging -------------------------------------------------------------------


def test_versions_are_one_row() -> None:
    """A17: commits are ordered and numbered without a gap, so rules over several are possible."""
    world = World(a=100, b=0)
    seen: list[Any] = []
    world.engine.on_commit(lambda commit: seen.append((commit.version, vars(world.domain).copy())))

    def move(ctx: Any) -> None:
        ctx.domain.a -= 1
        ctx.domain.b += 1

    for _ in range(100):
        world.run(move)
    assert [version for version, _ in seen] == list(range(1, 101))
    assert {state["a"] + state["b"] for _, state in seen} == {100}


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_a_contract_takes_any_collection(kind: Any) -> None:
    """P6: a contract is written as a list, a tuple or a set, and means the same."""
    engine = TheusEngine(BaseSystemContext(None, BaseDomainContext()))

    @process(inputs=kind(["domain.x"]), outputs=kind(["domain.y"]), errors=kind([ValueError]))
    def body(ctx: Any) -> None:
        ctx.domain.y = 1

    engine.register_process("body", body)
    engine.run_process("body")
    assert engine.ctx.domain_ctx.y == 1


def test_no_handler_is_silent() -> None:
    """P9, A16: no bare except anywhere, and none in the package that catches all and passes."""
    for path in [*PACKAGE.glob("*.py"), *TESTS.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{path.name}:{node.lineno}"
                broad = getattr(node.type, "id", "") in ("Exception", "BaseException")
                silent = all(isinstance(each, ast.Pass | ast.Continue) for each in node.body)
                assert not (broad and silent and path.parent == PACKAGE), (
                    f"{path.name}:{node.lineno}"
                )


def child(code: str, folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter in a folder."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **extra},
    )  # fmt: skip


def test_the_package_prints_and_writes_nothing(tmp_path: Path) -> None:
    """P12: commits, failures and denials leave no line and no file."""
    got = child(
        "import theus\n"
        "class Domain(theus.BaseDomainContext):\n"
        "    def __init__(self): self.x = 1\n"
        "engine = theus.TheusEngine(theus.BaseSystemContext(None, Domain()))\n"
        "@theus.process([], ['domain.x'])\n"
        "def body(ctx, how):\n"
        "    ctx.domain.x = 2\n"
        "    if how == 'fail': raise RuntimeError\n"
        "    if how == 'pry': ctx.domain.y\n"
        "engine.register_process('body', body)\n"
        "for how in 'ok', 'fail', 'pry':\n"
        "    try: engine.run_process('body', how=how)\n"
        "    except theus.ContractViolationError: pass\n",
        tmp_path,
    )
    assert (got.returncode, got.stdout, got.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_kernel_is_one_import_error(tmp_path: Path) -> None:
    """P13: without its library the package does not import, and there is no other way in."""
    copy = tmp_path / "theus"
    copy.mkdir()
    for path in PACKAGE.glob("*.py"):
        (copy / path.name).write_bytes(path.read_bytes())
    got = child("import theus", tmp_path, PYTHONPATH=str(tmp_path))
    assert got.returncode == 1
    assert "ImportError" in got.stderr or "ModuleNotFoundError" in got.stderr
    assert got.stderr.count("Traceback") == 1


# ---- the page ------------------------------------------------------------------------------------

ROOT = TESTS.parents[1]
PAGE = ROOT / "docs" / "failure-modes.md"
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
LAST = {"D": 22, "L": 24, "C": 16, "M": 19, "W": 16, "A": 17, "P": 14}


def rows() -> list[tuple[str, str, str]]:
    """The rows of the page: id, what went wrong, what holds it."""
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_every_row_once() -> None:
    """No id is missing, none is there twice, and all stand in order."""
    wanted = [f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)]
    assert [row for row, _, _ in rows()] == wanted


def test_the_tests_on_the_page_exist() -> None:
    """Each row names a test that is there, or the feature that is not, or why it need not be."""
    known: dict[str, set[str]] = {}
    for path in TESTS.glob("test_*.py"):
        names = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        known[path.name] = set(names)
    for folder in "core", "capi":
        for path in (ROOT / folder).rglob("*_test.go"):
            names = re.findall(
                r"^func ((?:Test|Fuzz)\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
            )
            known.setdefault(path.parent.relative_to(ROOT).as_posix(), set()).update(names)
    for row, _, held in rows():
        named = re.findall(r"`([\w./]+)::(\w+)`", held)
        assert named or held.startswith(("not built yet: ", "not applicable: ")), row
        for place, name in named:
            assert name in known.get(place, ()), f"{row}: {place}::{name}"
