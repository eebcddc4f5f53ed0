"""Contracts and registration: what the decorator leaves, what an engine takes and refuses."""

import gc
import logging
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import System

from theus import (
    AmbiguousProcessError,
    ConfigError,
    ContractDefinitionError,
    ContractViolationError,
    ScanError,
    TheusEngine,
    ZoneViolationError,
    process,
)
from theus.contracts import ProcessContract


class LocalError(Exception):
    """An error that only this module knows."""


def returns_one(ctx: Any) -> int:
    """Return 1; ctx is not touched."""
    del ctx
    return 1


def contracted(**parts: Any) -> Any:
    """A function with a bare class as contract, as users attach it by hand."""

    def func(ctx: Any) -> int:
        return returns_one(ctx)

    func._pop_contract = type("Bare", (), parts)  # type: ignore[attr-defined]
    return func


# ---- the decorator ---------------------------------------------------------------------------


def test_the_function_comes_back() -> None:
    """No wrapper: the decorated function is the function, with its contract on it."""

    def func(ctx: Any) -> int:
        return returns_one(ctx)

    same = process(inputs=("a.b",), outputs=["c"], errors=[ValueError, "KeyError"])(func)
    assert same is func
    assert func._pop_contract == ProcessContract(["a.b"], ["c"], [], [ValueError, "KeyError"])  # type: ignore[attr-defined]
    assert func(None) == 1


def test_inputs_and_outputs_are_required() -> None:
    """There is no form without parentheses, and none without outputs."""
    with pytest.raises(TypeError):
        process(returns_one)  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError):
        process(inputs=[])  # type: ignore[call-arg]


def test_the_contract_is_a_copy() -> None:
    """Changing the list that was passed changes no contract."""
    inputs = ["domain.balance"]
    func = process(inputs=inputs, outputs=[])(lambda ctx: ctx)
    inputs.append("domain.history")
    assert func._pop_contract.inputs == ["domain.balance"]  # type: ignore[attr-defined]


# ---- registration ----------------------------------------------------------------------------


def test_any_object_serves_as_contract(engine: TheusEngine) -> None:
    """A bare class with inputs, outputs and errors is a contract; side_effects may be missing."""
    engine.register_process("one", contracted(inputs=[], outputs=[], errors=[]))
    assert engine.run_process("one") == 1


def test_the_last_registration_wins(engine: TheusEngine) -> None:
    """A name may be registered again; get_process gives the function that would run."""
    engine.register_process("p", contracted(inputs=[], outputs=[], errors=[]))
    engine.register_process("p", now := process([], [])(lambda ctx: 2))
    assert engine.run_process("p") == 2
    assert engine.get_process("p") is now


def test_the_registry_is_per_engine(build: Callable[..., TheusEngine]) -> None:
    """What one engine registers, another does not know."""
    first, second = build(), build()
    first.register_process("mine", process([], [])(returns_one))
    with pytest.raises(KeyError, match="Process 'mine' not found"):
        second.get_process("mine")


def test_unknown_process(engine: TheusEngine) -> None:
    """Running and getting an unknown name is one KeyError, with the nearest name."""
    engine.register_process("transfer", contracted(inputs=[], outputs=[], errors=[]))
    for use in (engine.run_process, engine.execute_process, engine.get_process):
        with pytest.raises(KeyError) as caught:
            use("transfre")
        assert "Process 'transfre' not found" in str(caught.value)
        assert "transfer" in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"inputs": "domain.x", "outputs": []}, ["inputs", "a str", "inputs=['domain.x']"]),
        ({"inputs": [], "outputs": "domain.x"}, ["outputs", "outputs=['domain.x']"]),
        ({"inputs": [], "outputs": [3]}, ["outputs", "holds 3", "an int"]),
        ({"inputs": [["domain.x"]], "outputs": []}, ["inputs", "holds ['domain.x']", "a list"]),
        ({"inputs": None, "outputs": 5}, ["outputs", "an int"]),
        ({"inputs": []}, ["has no 'outputs'", "outputs = []"]),
        ({"inputs": [], "outputs": [], "side_effects": "mail"}, ["side_effects", "['mail']"]),
        ({"inputs": [], "outputs": [], "errors": "ValueError"}, ["errors", "['ValueError']"]),
        ({"inputs": [], "outputs": [], "errors": [int]}, ["errors", "no exception class"]),
        ({"inputs": [], "outputs": [], "errors": [ValueError()]}, ["errors", "ValueError()"]),
    ],
)
def test_a_malformed_contract_is_a_type_error(
    engine: TheusEngine, parts: dict[str, Any], words: list[str]
) -> None:
    """Registration refuses what is not lists of strings, naming the process and the entry."""
    with pytest.raises(TypeError) as caught:
        engine.register_process("bad", contracted(**{"errors": [], **parts}))
    for word in ("'bad'", "fix:", *words):
        assert word in str(caught.value)
    with pytest.raises(KeyError):
        engine.get_process("bad")


@pytest.mark.parametrize("entry", ["", "domain..x", "domain.", ".x", "domain_ctx.[", "a b"])
def test_an_entry_that_is_no_path(entry: str) -> None:
    """Registration refuses it with an error that is also a ValueError and names the entry."""
    with TheusEngine(System(), strict_mode=True) as engine:
        for inputs, outputs in (([entry], []), ([], [entry])):
            with pytest.raises(ContractDefinitionError) as caught:
                engine.register_process("bad", process(inputs, outputs)(returns_one))
            assert isinstance(caught.value, ValueError)
            assert caught.value.process == "bad"
            assert repr(entry).strip("'") in str(caught.value)


@pytest.mark.parametrize(
    "entry", ["sig_go", "domain_ctx.sig_go", "domain.cmd_x", "domain.meta_x.y"]
)
def test_a_signal_or_meta_input_is_refused(entry: str) -> None:
    """Wherever in the path the prefix stands; as output it is fine, and so it is in training."""
    func = process(inputs=[entry], outputs=[])(returns_one)
    with TheusEngine(System(), strict_mode=True) as engine:
        with pytest.raises(ZoneViolationError, match="SECURITY VIOLATION") as caught:
            engine.register_process("bad", func)
        assert "Zone Policy Violation" in str(caught.value)
        assert isinstance(caught.value, PermissionError)
        engine.register_process("good", process(inputs=[], outputs=[entry])(returns_one))
    with TheusEngine(System(), strict_mode=False) as engine:
        engine.register_process("lax", func)
        assert engine.run_process("lax") == 1


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("domian.balance", "domain.balance"),
        ("domain_ctz.balance", "domain_ctx.balance"),
        ("globl.limit", "global.limit"),
        ("accounts.alice", "domain.accounts.alice"),
        ('accounts["a.b"]', 'domain.accounts["a.b"]'),
    ],
)
def test_a_layer_that_is_misspelled(entry: str, meant: str) -> None:
    """A path that begins with no layer, where one was meant, is refused with the right spelling."""
    with TheusEngine(System(), strict_mode=True) as engine:
        for contract in (process([entry], []), process([], [entry])):
            with pytest.raises(ContractDefinitionError) as caught:
                engine.register_process("act", contract(lambda ctx: None))
            assert caught.value.hint == f'write "{meant}"'
        engine.register_process("act", process(["other.x"], [])(lambda ctx: None))


def test_a_process_takes_a_context() -> None:
    """What cannot be called with a context is refused when it is registered."""
    nothing = process([], [])(lambda: None)
    many = process([], [])(lambda *ctx: len(ctx))
    with TheusEngine(System(), strict_mode=True) as engine:
        with pytest.raises(TypeError, match=r"fix:  give it a first parameter: def act\(ctx"):
            engine.register_process("act", nothing)
        engine.register_process("act", many)
        assert engine.run_process("act") == 1


def test_a_function_without_contract() -> None:
    """It is refused when it is registered, with the cure; training needs no contract."""

    def bare(ctx: Any) -> Any:
        return ctx.domain_ctx

    with TheusEngine(System(), strict_mode=True) as engine:
        with pytest.raises(ContractDefinitionError, match="'bare' has no contract") as caught:
            engine.register_process("bare", bare)
        assert "@theus.process" in caught.value.hint
        with pytest.raises(KeyError, match="Process 'bare' not found"):
            engine.run_process("bare")
    with TheusEngine(System(), strict_mode=False) as engine:
        engine.register_process("bare", bare)
        assert engine.run_process("bare") is engine.ctx.domain_ctx


def test_an_async_generator_is_refused(engine: TheusEngine) -> None:
    """It would go on after its transaction, so it is refused when it is registered."""

    @process(inputs=[], outputs=[])
    async def later(ctx: Any) -> Any:
        yield ctx

    with pytest.raises(TypeError, match="'later' is an async generator"):
        engine.register_process("later", later)


def test_swapped_arguments(engine: TheusEngine) -> None:
    """register_process(func, name) and a value that cannot be called are refused at once."""
    with pytest.raises(TypeError, match=r"\(name, function\)"):
        engine.register_process(returns_one, "one")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot be called"):
        engine.register_process("one", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", [LocalError, "LocalError", "LookupError", LookupError])
def test_names_of_errors_mean_the_class_where_the_function_stands(entry: Any) -> None:
    """A name is looked up in the function's globals, then the builtins; subclasses count."""

    class Narrower(LocalError, KeyError):
        pass

    @process(inputs=[], outputs=[], errors=[entry])
    def fail(ctx: Any) -> None:
        raise Narrower(ctx.global_ctx is None)

    fail._pop_contract.inputs.append("global_ctx")  # type: ignore[attr-defined]
    with TheusEngine(System(), strict_mode=True) as engine:
        engine.register_process("fail", fail)
        with pytest.raises(Narrower):
            engine.run_process("fail")


def test_a_name_nobody_knows_is_compared_with_class_names() -> None:
    """A class that is out of reach can still be declared by its name."""

    class HiddenError(Exception):
        pass

    @process(inputs=[], outputs=[], errors=["HiddenError"])
    def fail(ctx: Any, error: type[Exception]) -> None:
        del ctx
        raise error("text")

    with TheusEngine(System(), strict_mode=True) as engine:
        engine.register_process("fail", fail)
        with pytest.raises(HiddenError):
            engine.run_process("fail", error=HiddenError)
        with pytest.raises(ContractViolationError, match="Caught OSError: text") as caught:
            engine.run_process("fail", error=OSError)
        assert isinstance(caught.value.__cause__, OSError)


# ---- the default table -----------------------------------------------------------------------


@pytest.fixture
def module() -> Iterator[Callable[..., types.ModuleType]]:
    """module(name, source) executes source as the module of that name."""
    made: dict[str, types.ModuleType] = {}

    def make(name: str, source: str) -> types.ModuleType:
        found = made.setdefault(name, types.ModuleType(name))
        exec("from theus import process\n" + source, vars(found))
        return found

    gc.collect()  # an error that an earlier test caught may hold what it defined
    yield make
    for each in made.values():
        vars(each).clear()


ACT = "@process(inputs=[], outputs=[])\ndef act_in_table(ctx): return {0}"


def test_decorated_functions_are_found_by_name(
    module: Callable[..., types.ModuleType], engine: TheusEngine
) -> None:
    """A decorated function at the top of a module needs no registration."""
    found = module("one", ACT.format(1))
    assert engine.run_process("act_in_table") == 1
    assert engine.get_process("act_in_table") is found.act_in_table


def test_functions_inside_others_are_not_found(engine: TheusEngine) -> None:
    """A function of a function has no name that means one thing."""

    @process(inputs=[], outputs=[])
    def inner_only(ctx: Any) -> None:
        del ctx

    with pytest.raises(KeyError):
        engine.run_process("inner_only")


def test_the_table_holds_weakly(
    module: Callable[..., types.ModuleType], engine: TheusEngine
) -> None:
    """A function that nobody holds any more is not found."""
    vars(module("one", ACT.format(1))).clear()
    gc.collect()
    with pytest.raises(KeyError):
        engine.run_process("act_in_table")


def test_two_functions_of_one_name_are_ambiguous(
    module: Callable[..., types.ModuleType], engine: TheusEngine
) -> None:
    """Nothing is guessed: using the name says where they are and how to choose."""
    first, second = module("one", ACT.format(1)), module("two", ACT.format(2))
    with pytest.raises(AmbiguousProcessError) as caught:
        engine.run_process("act_in_table")
    assert "defined in:  one" in str(caught.value)
    assert "defined in:  two" in str(caught.value)
    assert isinstance(caught.value, LookupError)
    engine.register_process("act_in_table", second.act_in_table)
    assert engine.run_process("act_in_table") == 2
    assert first.act_in_table(None) == 1


def test_defining_again_replaces(
    module: Callable[..., types.ModuleType], build: Callable[..., TheusEngine]
) -> None:
    """A notebook cell that runs again is what runs; a registered function stays."""
    first = module("one", ACT.format(1)).act_in_table
    following, registered = build(), build()
    assert following.run_process("act_in_table") == 1
    registered.register_process("act_in_table", first)
    module("one", ACT.format(2))
    assert following.run_process("act_in_table") == 2
    assert registered.run_process("act_in_table") == 1
    following.close()
    module("one", ACT.format(3))
    assert build().run_process("act_in_table") == 3


# ---- scanning --------------------------------------------------------------------------------

HEAD = "from theus import process\n"
P = "@process(inputs=[], outputs=[])\ndef {0}(ctx): return {1!r}\n"


def files(top: Path, **sources: str) -> Path:
    """Write name__part=source as top/name/part.py."""
    for name, source in sources.items():
        path = top.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return top


def test_scan_registers_what_it_finds(tmp_path: Path, engine: TheusEngine) -> None:
    """Each decorated function counts, in folders too, under its attribute name."""
    files(
        tmp_path,
        json=HEAD + P.format("first", 1) + "alias = first\ndef bare(ctx): pass\n",
        deep__er__b="from ...json import first\n" + HEAD + P.format("second", 2),
    )
    (tmp_path / "__main__.py").write_text("raise SystemExit")
    engine.scan_and_register(tmp_path)
    assert [engine.run_process(name) for name in ("first", "alias", "second")] == [1, 1, 2]
    with pytest.raises(KeyError):
        engine.get_process("bare")
    assert logging.raiseExceptions, "json.py has shadowed nothing"


def test_scanned_functions_belong_to_the_engine(
    tmp_path: Path, build: Callable[..., TheusEngine]
) -> None:
    """Scanning fills no table: another engine does not find the functions by name."""
    build().scan_and_register(str(files(tmp_path, a=HEAD + P.format("scanned_only", 1))))
    with pytest.raises(KeyError):
        build().run_process("scanned_only")


def test_scan_collects_every_failure(tmp_path: Path, engine: TheusEngine) -> None:
    """All files that fail are in one error, and then nothing at all is registered."""
    good = HEAD + P.format("good_one", 1)
    files(tmp_path, a="1/0", b="raise SystemExit(2)", c="import no_such_module_x", good=good)
    with pytest.raises(ScanError, match="3 of 4 files") as caught:
        engine.scan_and_register(tmp_path)
    kinds = [type(error) for error in caught.value.exceptions]
    assert kinds == [ZeroDivisionError, ImportError, ModuleNotFoundError]
    assert "a.py: ZeroDivisionError" in str(caught.value)
    with pytest.raises(KeyError):
        engine.get_process("good_one")


def test_scan_needs_a_folder(tmp_path: Path, engine: TheusEngine) -> None:
    """A path that is no folder is refused instead of registering nothing."""
    with pytest.raises(FileNotFoundError, match="folder of processes"):
        engine.scan_and_register(tmp_path / "absent")
    with pytest.raises(NotADirectoryError):
        engine.scan_and_register(files(tmp_path, a="") / "a.py")


# ---- the mode --------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["THEUS_STRICT_MODE", "POP_STRICT_MODE"])
@pytest.mark.parametrize(
    ("text", "strict"), [("YES", True), ("on", True), ("0", False), ("", True)]
)
def test_the_mode_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, strict: bool
) -> None:
    """One resolved value decides for guard and lock alike; the argument beats the variables."""
    monkeypatch.delenv("THEUS_STRICT_MODE", raising=False)
    monkeypatch.delenv("POP_STRICT_MODE", raising=False)
    monkeypatch.setenv(variable, text)
    with TheusEngine(System()) as engine:
        assert (engine.strict_mode, engine.lock_manager.strict_mode) == (strict, strict)
    with TheusEngine(System(), strict_mode=not strict) as engine:
        assert engine.strict_mode is not strict


def test_the_new_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """THEUS_STRICT_MODE decides where both are set; without any, the mode is strict."""
    monkeypatch.setenv("THEUS_STRICT_MODE", "false")
    monkeypatch.setenv("POP_STRICT_MODE", "true")
    with TheusEngine(System()) as engine:
        assert not engine.strict_mode
    monkeypatch.delenv("THEUS_STRICT_MODE")
    monkeypatch.delenv("POP_STRICT_MODE")
    with TheusEngine(System()) as engine:
        assert engine.strict_mode


def test_a_mode_that_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another text is an error that names the variable; another argument is a TypeError."""
    monkeypatch.setenv("THEUS_STRICT_MODE", "strict")
    with pytest.raises(ConfigError, match="THEUS_STRICT_MODE is 'strict'"):
        TheusEngine(System())
    with pytest.raises(TypeError, match="strict_mode is 'false'"):
        TheusEngine(System(), strict_mode="false")  # type: ignore[arg-type]
