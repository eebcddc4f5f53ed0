"""What the package offers, and what importing it does."""

import copy
import importlib.util
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import theus
from theus import context, contracts, engine, errors, locks
from theus.delta import Transaction
from theus.interfaces import IEngine, IScheduler
from theus.structures import FrozenDict, FrozenList, TrackedDict, TrackedList

PUBLIC = sorted(path.stem for path in Path(theus.__path__[0]).glob("[a-z]*.py"))


def test_all_is_sorted_and_complete() -> None:
    """__all__ lists exactly the public names of theus, in order."""
    modules = {name for name in vars(theus) if f"theus.{name}" in sys.modules}
    # pytest adds names such as "@pytest_ar" to packages that have a plugin: no identifiers.
    public = {name for name in vars(theus) if name.isidentifier() and name[0] != "_"} - modules
    assert sorted(public | {"__version__"}) == theus.__all__


@pytest.mark.parametrize("name", PUBLIC)
def test_public_modules_offer_what_they_list(name: str) -> None:
    """Each public module can be imported by itself and has each name of its __all__."""
    module = importlib.import_module(f"theus.{name}")
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public)


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("executor", "ThreadExecutor"),
        ("bus", "SignalBus"),
        ("fsm", "StateMachine"),
        ("manager", "WorkflowManager"),
    ],
)
def test_orchestrator_and_its_submodules(name: str, public: str) -> None:
    """Each class of theus.orchestrator is the one of its submodule, and all that is listed is."""
    package = importlib.import_module("theus.orchestrator")
    module = importlib.import_module(f"theus.orchestrator.{name}")
    assert getattr(package, public) is getattr(module, public)
    assert public in package.__all__
    assert sorted(package.__all__) == package.__all__
    for each in (package, module):
        assert all(hasattr(each, listed) for listed in each.__all__)


def test_one_class_under_all_its_names() -> None:
    """A name that stands in several modules is one object."""
    assert theus.TheusEngine is engine.TheusEngine
    assert theus.POPEngine is engine.POPEngine
    assert theus.process is contracts.process
    assert theus.ContractViolationError is contracts.ContractViolationError
    assert theus.LockViolationError is locks.LockViolationError is errors.LockViolationError
    assert theus.BaseSystemContext is context.BaseSystemContext


def test_every_error_is_exported() -> None:
    """Whoever catches an error finds its class in theus."""
    assert {kind.__name__ for kind in ERRORS} <= set(theus.__all__)


ERRORS = [kind for name, kind in vars(errors).items() if isinstance(kind, type) and name[0] != "_"]
FAULTS = [kind for kind in ERRORS if issubclass(kind, theus.TheusError)]


def duplicates(error: theus.TheusError) -> list[theus.TheusError]:
    """Every way to make another error like this one."""
    return [copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))]


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_an_error_is_its_text_and_its_parts(kind: type[theus.TheusError]) -> None:
    """Each class prints its text with its code, and keeps its parts through copies and pickles."""
    parts = {
        "process": "p",
        "path": "domain_ctx.x",
        "hint": "second",
        "operation": "write",
        "nearest": "domain_ctx.y",
        "allowed": ("domain_ctx.y", "domain_ctx.z"),
        "where": "bank.py:7",
    }
    error = kind("first line\n  fix:  second", **parts)  # type: ignore[arg-type]
    error.contract = theus.contracts.ProcessContract(["domain.y"], [], [], ["ValueError"])
    for each in (error, *duplicates(error)):
        assert type(each) is kind
        assert str(each) == (
            f"first line [{kind.code}]\n  fix:  second\n  at:            bank.py:7"
        )
        assert each.args == ("first line\n  fix:  second",)
        assert vars(each) == parts | {"contract": error.contract}
    bare = kind("x")
    assert vars(bare) == dict.fromkeys(parts, "") | {"allowed": (), "contract": None}
    assert str(bare) == f"x [{kind.code}]"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each class stands in the drawing, below its first base, with its built-in beside it."""
    drawing = (errors.__doc__ or "").partition("::")[2].splitlines()
    depths: list[tuple[int, str]] = []
    drawn = {}
    for line in drawing:
        match = re.match(r"[ │├└─]+(\w+)", line)
        if match and match[1] in vars(errors):
            depth = match.start(1)
            depths = [each for each in depths if each[0] < depth]
            drawn[match[1]] = (depths[-1][1] if depths else "", line.rpartition("(")[2].rstrip(")"))
            depths.append((depth, match[1]))
    assert set(drawn) == {kind.__name__ for kind in ERRORS}
    for kind in FAULTS[1:]:
        above, built_in = drawn[kind.__name__]
        assert above == kind.__bases__[0].__name__
        if len(kind.__bases__) > 1:
            assert built_in == kind.__bases__[1].__name__


def test_process_stays_the_decorator() -> None:
    """No submodule may ever take the name of the decorator."""
    assert importlib.util.find_spec("theus.process") is None
    assert callable(theus.process)


def run_fresh(code: str) -> object:
    """What code prints as JSON in a Python of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_import_starts_nothing() -> None:
    """Importing theus loads no kernel, starts no thread and pulls in no third-party module."""
    code = """
import json, sys, threading
before = set(sys.modules)
import theus
from theus import _kernel
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
foreign = sorted(tops - set(sys.stdlib_module_names) - {"theus"})
print(json.dumps([_kernel.started(), threading.active_count(), foreign]))
"""
    assert run_fresh(code) == [False, 1, []]


def test_first_engine_starts_the_kernel() -> None:
    """The kernel library is loaded by the first engine, not before."""
    code = """
import json, theus
from theus import _kernel
engine = theus.TheusEngine(theus.BaseSystemContext(None, None))
print(json.dumps(_kernel.started()))
"""
    assert run_fresh(code) is True


def test_views_and_records_are_not_constructed() -> None:
    """The types of views and transactions are for isinstance: constructing one is a TypeError."""
    for kind in (TrackedList, FrozenList, TrackedDict, FrozenDict, Transaction):
        with pytest.raises(TypeError):
            kind()


def test_pop_engine_is_deprecated() -> None:
    """The old name works and says, at the line of the user, what the new one is."""
    with pytest.warns(DeprecationWarning, match="use TheusEngine") as caught:
        old = theus.POPEngine(theus.BaseSystemContext(None, None))
    assert isinstance(old, theus.TheusEngine)
    assert caught[0].filename == __file__


def test_engine_is_an_iengine() -> None:
    """The abstract bases of theus.interfaces hold for what theus itself provides."""
    assert issubclass(theus.TheusEngine, IEngine)
    with pytest.raises(TypeError):
        IScheduler()  # type: ignore[abstract]
