"""Which error reaches the caller, with what in it, and what the state is then."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from harness import Declared, Undeclared, World

import theus
from theus import (
    AccessDeniedError,
    ContractDefinitionError,
    ContractViolationError,
    EngineClosedError,
    FrozenInputError,
    StaleViewError,
    TheusEngine,
    TheusError,
    UnknownProcessError,
    process,
)


class Child(Declared):
    """A subclass of a declared error."""


class Namesake:
    """A scope for a class with the same name."""

    class Declared(Exception):
        """Not the declared one."""


def failing(error: BaseException) -> Any:
    """A process body that writes and fails."""

    def body(ctx: Any) -> None:
        ctx.domain.n = 2
        raise error

    return body


UNCHANGED: list[tuple[Any, Callable[[], Exception]]] = [
    (Declared, lambda: Declared("x")),
    (Declared, lambda: Child("subclass")),
    ("Declared", lambda: Declared("by name")),
    ("Declared", lambda: Child("subclass by name")),
    ("OSError", lambda: FileNotFoundError("subclass by built-in name")),
    (Exception, lambda: Undeclared("everything")),
    (LookupError, lambda: KeyError("k")),
    (["builtins", "ValueError"][1], lambda: UnicodeDecodeError("utf8", b"", 0, 1, "x")),
]


@pytest.mark.parametrize(("declared", "make"), UNCHANGED)
def test_declared_errors_are_unchanged(declared: Any, make: Callable[[], Exception]) -> None:
    """L21: a class or a name declares it and its subclasses; the object itself is raised."""
    world, error = World(n=1), make()
    with pytest.raises(type(error)) as caught:
        world.run(failing(error), errors=[declared])
    assert caught.value is error
    assert (world.domain.n, world.engine.version) == (1, 0)


WRAPPED: list[tuple[Any, Callable[[], Exception]]] = [
    (ValueError, lambda: TypeError("other")),
    (Declared, lambda: Namesake.Declared("same name, another class")),
    (FileNotFoundError, lambda: OSError("a base is not declared by its subclass")),
    (ValueError, lambda: PermissionError("an operating system's error is no denial")),
    (ValueError, RuntimeError),
    (ValueError, lambda: ExceptionGroup("several", [ValueError()])),
]


@pytest.mark.parametrize(("declared", "make"), WRAPPED)
def test_undeclared_errors_are_wrapped(declared: Any, make: Callable[[], Exception]) -> None:
    """L21, L22: anything else is a violation that carries its cause."""
    world, error = World(n=1), make()
    with pytest.raises(ContractViolationError) as caught:
        world.run(failing(error), errors=[declared])
    assert type(caught.value) is ContractViolationError
    assert caught.value.__cause__ is error
    text = f"Undeclared Error Violation: Caught {type(error).__name__}"
    text += f": {error}" if str(error) else ""
    assert str(caught.value).startswith(text)
    assert caught.value.process.startswith("body")
    assert (world.domain.n, world.engine.version) == (1, 0)


def test_an_error_that_cannot_be_printed() -> None:
    """It is reported by its type."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(ContractViolationError, match="Caught Mute"):
        World(n=1).run(failing(Mute()))


def test_an_interrupt_while_an_error_is_looked_at() -> None:
    """Control-C counts, also in the moment in which Theus reads the text of another error."""

    class Slow(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    world = World(n=1)
    with pytest.raises(KeyboardInterrupt):
        world.run(failing(Slow()))
    assert (world.domain.n, world.engine.version) == (1, 0)


def test_an_error_that_cannot_be_compared() -> None:
    """A metaclass that lies about subclasses does not stop the rollback."""

    class Liar(type):
        def __subclasscheck__(cls, other: type) -> bool:
            raise RuntimeError

    class Strange(Exception, metaclass=Liar):
        pass

    world = World(n=1)
    with pytest.raises(ContractViolationError):
        world.run(failing(ValueError("x")), errors=[Strange])
    assert world.domain.n == 1


def test_errors_of_the_kernel_are_not_wrapped() -> None:
    """A denial, a stale view, a nested violation: unchanged through any contract."""
    world, kept = World(n=1, items=[1]), []
    world.run(lambda ctx: kept.append(ctx.domain.items))
    bodies: list[tuple[type[Exception], Any]] = [
        (AccessDeniedError, lambda ctx: ctx.domain._x),
        (StaleViewError, lambda ctx: kept[0].append(1)),
        (FrozenInputError, lambda ctx: world.run(
            lambda inner: inner.domain.items.append(1), inputs=["domain"], outputs=[])),
        (UnknownProcessError, lambda ctx: world.engine.run_process("nothing")),
    ]  # fmt: skip
    for kind, body in bodies:
        with pytest.raises(TheusError) as caught:
            world.run(body, errors=[UnknownProcessError])
        assert type(caught.value) is kind


ARGUMENTS: list[tuple[Any, dict[str, Any], str]] = [
    (lambda ctx: None, {"x": 1}, "unexpected keyword argument 'x'"),
    (lambda ctx, x: None, {}, "missing 1 required positional argument: 'x'"),
    (lambda ctx, *, amount: None, {"ammount": 1}, "unexpected keyword argument 'ammount'"),
    (lambda ctx, x, /: None, {"x": 1}, "positional-only"),
]


@pytest.mark.parametrize(("body", "arguments", "text"), ARGUMENTS)
def test_wrong_arguments(body: Any, arguments: dict[str, Any], text: str) -> None:
    """L23: Python's own TypeError, and the process does not start."""
    world = World(n=1)
    world.engine.register_process("p", process([], ["domain"])(body))
    with pytest.raises(TypeError, match=text) as caught:
        world.engine.run_process("p", **arguments)
    assert type(caught.value) is TypeError


def test_arguments_in_every_form() -> None:
    """L23: defaults, keyword-only, **kwargs, and parameters called name and process_name."""
    world = World()
    assert world.run(lambda ctx, x=5, **rest: (x, rest), y=1) == (5, {"y": 1})
    assert world.run(lambda ctx, *, k: k, k=2) == 2
    engine = world.engine
    engine.register_process(
        "p", process([], [])(lambda ctx, name, process_name: name + process_name)
    )
    assert engine.run_process("p", name="a", process_name="b") == "ab"
    assert engine.execute_process("p", name="a", process_name="b") == "ab"
    engine.register_process("q", process([], [])(lambda ctx: 1))
    assert engine.run_process(name="q") == 1
    assert engine.execute_process(process_name="q") == 1


def test_a_type_error_from_inside_is_undeclared() -> None:
    """A TypeError that the process raises is not one of its arguments."""

    def body(_: Any) -> None:
        len(5)  # type: ignore[arg-type]

    with pytest.raises(ContractViolationError, match="Caught TypeError: object of type 'int'"):
        World().run(body)


def test_an_unknown_process() -> None:
    """KeyError with the nearest name; get_process says the same."""
    engine = World().engine
    engine.register_process("transfer", process([], [])(lambda ctx: None))
    for call in engine.run_process, engine.execute_process, engine.get_process:
        with pytest.raises(KeyError) as caught:
            call("tranfser")
        assert type(caught.value) is UnknownProcessError
        assert str(caught.value).startswith("Process 'tranfser' not found")
        assert "transfer" in str(caught.value)


def test_a_function_without_a_contract() -> None:
    """Refused when it is registered, with the cure."""
    world = World(n=1)
    with pytest.raises(ContractDefinitionError, match="no contract"):
        world.engine.register_process("bare", lambda ctx: setattr(ctx.domain, "n", 2))
    with pytest.raises(UnknownProcessError):
        world.engine.run_process("bare")


@pytest.mark.parametrize("path", ["", ".", "domain.", ".x", "domain..x", "domain.[", "domain.x]"])
def test_a_contract_that_is_no_path(path: str) -> None:
    """Refused when it is registered, naming the entry."""
    for role in "inputs", "outputs":
        contract: dict[str, Any] = {"inputs": [], "outputs": [], role: [path]}
        with pytest.raises(ContractDefinitionError) as caught:
            World().run(lambda ctx: None, **contract)
        assert repr(path)[1:-1] in str(caught.value)


def test_a_missing_root_is_harmless() -> None:
    """A path below a root that does not exist says nothing until it is used."""
    world = World(n=1)
    assert world.run(lambda ctx: ctx.domain.n, inputs=["user_ctx.x"], outputs=["domain"]) == 1
    with pytest.raises(ContractViolationError, match="AttributeError"):
        world.run(lambda ctx: ctx.user_ctx.x, inputs=["user_ctx.x"])


def test_a_bare_class_as_contract() -> None:
    """Any object with inputs, outputs and errors serves as _pop_contract."""

    def body(ctx: Any) -> None:
        ctx.domain.n += 1

    body._pop_contract = SimpleNamespace(inputs=[], outputs=["domain"], errors=[])  # type: ignore[attr-defined]
    world = World(n=1)
    world.engine.register_process("body", body)
    world.engine.run_process("body")
    assert world.domain.n == 2


def test_a_closed_engine() -> None:
    """Every use but close() is EngineClosedError; the state stays."""
    world = World(n=1)
    world.run(lambda ctx: setattr(ctx.domain, "n", 2))
    world.engine.close()
    world.engine.close()
    for use in (
        lambda: world.run(lambda ctx: None),
        lambda: world.engine.run_process("x"),
        lambda: world.engine.edit().__enter__(),
    ):
        with pytest.raises((EngineClosedError, UnknownProcessError)):
            use()
    assert world.domain.n == 2


def test_closing_inside_a_process() -> None:
    """An engine closed by its own process commits nothing; the process gets one clear error."""
    world = World(n=1)

    def body(ctx: Any) -> None:
        ctx.domain.n = 2
        world.engine.close()

    with pytest.raises((EngineClosedError, TheusError)):
        world.run(body)
    assert world.domain.n == 1


def test_async_processes_are_not_called_synchronously() -> None:
    """C11: a coroutine would go on after its transaction; the text says what to await instead."""

    async def body(ctx: Any) -> None:
        ctx.domain.n = 2

    world = World(n=1)
    world.engine.register_process("a", process([], ["domain"])(body))
    with pytest.raises(TypeError, match="await engine"):
        world.engine.run_process("a")
    with pytest.raises(TypeError, match="await engine"):
        world.run(body)
    assert world.domain.n == 1


def test_every_error_class_is_a_theus_error() -> None:
    """except TheusError catches all of them, and each says process, path and hint."""
    for name in theus.__all__:
        kind = getattr(theus, name)
        if isinstance(kind, type) and issubclass(kind, Exception) and name != "ScanError":
            error = kind("text", process="p", path="domain_ctx.x", hint="do")
            assert isinstance(error, TheusError)
            assert (error.process, error.path, error.hint) == ("p", "domain_ctx.x", "do")
            assert str(error).startswith("text")


def test_an_engine_that_was_never_initialised() -> None:
    """An object whose __init__ did not run is refused, not a crash."""
    engine = TheusEngine.__new__(TheusEngine)
    for use in (
        lambda: engine.run_process("x"),
        lambda: engine.get_process("x"),
        lambda: engine.edit().__enter__(),
        lambda: engine.on_commit(print),
    ):
        with pytest.raises((RuntimeError, AttributeError, TheusError)):
            use()
