"""Ways to be wrong that others took, and which no other file of tests names.

docs/failure-modes.md has the whole list, with the test that closes each of them.
"""

import ast
import os
import re
import subprocess
import sys
import threading
import tracemalloc
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


class Key:
    """A key that counts how often its kind is hashed."""

    hashed = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        Key.hashed += 1
        return self.number


def test_reading_one_key_costs_the_same_in_any_dict() -> None:
    """M6: a read copies nothing: one key of ten thousand costs what one of ten does."""

    def cost(size: int) -> tuple[int, bool]:
        keys = [Key(number) for number in range(size)]
        world = World(d=dict.fromkeys(keys, 0))
        world.engine.register_process(
            "look", process(["domain.d"], [])(lambda ctx: ctx.domain.d[keys[3]])
        )
        world.engine.run_process("look")  # the first call makes what all later ones share
        tracemalloc.start()
        Key.hashed = 0
        world.engine.run_process("look")
        hashed, (_, most) = Key.hashed, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return hashed, most < 10_000  # bytes

    assert cost(10_000) == cost(10) == (1, True)


def test_access_asks_the_kernel_once_under_any_number_of_rules() -> None:
    """M8: what was read once is read again without the kernel, where a scan of rules would be."""
    rules = [f"domain.other{number}.leaf" for number in range(2000)]
    world = World(x=1, y=2)
    seen: list[int] = []

    def body(ctx: Any) -> None:
        seen.append(ctx.domain.x)
        with pytest.raises(theus.KernelPanic):
            world.engine._panic()  # from now on the kernel answers nobody
        seen.append(ctx.domain.x)
        _ = ctx.domain.y

    with pytest.raises(theus.KernelPanic):
        world.run(body, inputs=["domain.x", "domain.y", *rules], outputs=[])
    assert seen == [1, 1]


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
    """A17: commits are ordered and numbered without a gap, so a rule over several can be held to
    them: what two processes make together is monotone, and keeps its sum."""
    world = World(a=100, b=0, steps=0)
    seen: list[Any] = []
    world.engine.on_commit(lambda commit: seen.append((commit.version, vars(world.domain).copy())))

    def there(ctx: Any) -> None:
        ctx.domain.a -= 2
        ctx.domain.b += 2
        ctx.domain.steps += 1

    def back(ctx: Any) -> None:
        ctx.domain.a += 1
        ctx.domain.b -= 1
        ctx.domain.steps += 1

    for _ in range(50):
        world.run(there)
        world.run(back)
    assert [version for version, _ in seen] == list(range(1, 101))
    assert {state["a"] + state["b"] for _, state in seen} == {100}
    assert [state["steps"] for _, state in seen] == list(range(1, 101))


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


def every_test() -> dict[str, set[str]]:
    """What tests there are: of each file in Python, of each package in Go."""
    known: dict[str, set[str]] = {}
    for path in TESTS.glob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known[path.name] = {
            each.name
            for each in tree.body
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
            and each.name.startswith("test_")
        }
    for folder in "core", "capi":
        for path in (ROOT / folder).rglob("*_test.go"):
            names = re.findall(
                r"^func ((?:Test|Fuzz)\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
            )
            known.setdefault(path.parent.relative_to(ROOT).as_posix(), set()).update(names)
    return known


def wrong_with(held: str, known: dict[str, set[str]]) -> str:
    """What is wrong with what a row says holds it; "" if nothing is.

    It is a list of tests. Of a part that there is not it says so, and in a clause why.
    """
    named, _, rest = held.partition("; ")
    if rest and not re.fullmatch(r"not built: [^:,]+, (?:since|because) .{20,}", rest):
        return f"{rest!r} does not say what is not built, since why"
    for each in named.split(", "):
        test = re.fullmatch(r"`([\w./]+)::(\w+)`", each)
        if test is None:
            return f"{each!r} names no test"
        if test[2] not in known.get(test[1], ()):
            return f"{each} does not exist"
    return ""


def test_the_tests_on_the_page_exist() -> None:
    """P8: each row names tests that are there, and a part that is not built with the reason."""
    known = every_test()
    assert {row: wrong for row, _, held in rows() if (wrong := wrong_with(held, known))} == {}


@pytest.mark.parametrize(
    "held",
    [
        "",
        "nothing yet",
        "not built yet: the outbox",
        "Go only",
        "`test_a.py::test_x`, later",
        "`test_a.py::test_y`",
        "`test_b.py::test_x`",
        "`test_a.py::test_x`; not built: the outbox",
        "`test_a.py::test_x`; not built: the outbox, since no",
    ],
)
def test_a_row_without_a_test_is_found(held: str) -> None:
    """P8: a row that names no test, or one that is not there, or gives no reason, is an error."""
    known = {"test_a.py": {"test_x"}}
    assert wrong_with(held, known) != ""
    reason = "; not built: the outbox, since nothing has to outlive the program"
    assert wrong_with("`test_a.py::test_x`" + reason, known) == ""
