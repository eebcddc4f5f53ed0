"""Contracts from annotations, contracts that are merged, and contracts as one table."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import pytest
from conftest import System

import theus
from theus import (
    ContractDefinitionError,
    ContractViolationError,
    In,
    Out,
    Ref,
    TheusEngine,
    process,
)
from theus._binding import bound
from theus.contracts import ContractMatrix, ProcessContract, Reference

Balance = Annotated[int, In["domain.balance"]]


@process
def note_down(
    balance: In["domain.balance"], history: Out["domain.history"], text: str = "x"
) -> str:
    """One marked input, one marked output, one argument of its own."""
    history.append(balance)
    return f"{text}{len(history)}"


@process(errors=[ValueError])
def take_out(amount: int, balance: Annotated[Reference[int], Ref["domain.balance"]]) -> None:
    """A scalar is written through a reference."""
    balance.value -= amount
    if balance.value < 0:
        raise ValueError("not enough")


def engine_with(*functions: Callable[..., Any], strict: bool = True) -> TheusEngine:
    """An engine over the sample context that runs the given functions by their names."""
    engine = TheusEngine(System(), strict_mode=strict)
    for func in functions:
        engine.register_process(func.__name__, func)
    return engine


def test_the_contract_follows_from_the_marks() -> None:
    """In declares an input, Out and Ref an output; the function itself comes back."""
    assert note_down._pop_contract == ProcessContract(["domain.balance"], ["domain.history"])  # type: ignore[attr-defined]
    assert take_out._pop_contract == ProcessContract([], ["domain.balance"], [], [ValueError])  # type: ignore[attr-defined]


@pytest.mark.parametrize("strict", [True, False])
def test_an_engine_fills_the_parameters_in(strict: bool) -> None:
    """The caller gives the arguments of its own, in both modes; writes reach the state."""
    engine = engine_with(note_down, take_out, strict=strict)
    assert engine.run_process("note_down") == "x1"
    assert engine.run_process("note_down", text="y") == "y2"
    engine.run_process("take_out", amount=30)
    assert (engine.ctx.domain.balance, engine.ctx.domain.history) == (70, [100, 100])


def test_a_direct_call_is_an_ordinary_call() -> None:
    """A unit test calls the function with plain values and needs no engine."""
    history: list[int] = []
    assert note_down(5, history) == "x1"
    balance = Reference.of(10)
    take_out(3, balance)
    assert (history, balance.value) == ([5], 7)


def test_a_failed_run_leaves_no_trace() -> None:
    """A write through a reference belongs to the transaction like any other."""
    engine = engine_with(take_out)
    with pytest.raises(ValueError, match="not enough"):
        engine.run_process("take_out", amount=1000)
    assert engine.ctx.domain.balance == 100


@pytest.mark.parametrize("given", [{"balance": 1}, {"amont": 1}, {"ctx": 1, "amount": 1}, {}])
def test_arguments_are_those_that_are_not_filled_in(given: dict[str, int]) -> None:
    """L23: a marked parameter cannot be given, an unknown one neither, and none may be missing."""
    with pytest.raises(TypeError, match="argument"):
        engine_with(take_out).run_process("take_out", **given)


def test_get_process_gives_the_function() -> None:
    """What fills the parameters in is nobody's business."""
    assert engine_with(note_down).get_process("note_down") is note_down


def test_an_input_stays_an_input() -> None:
    """What an In parameter gets is frozen like any input."""

    @process
    def change(history: In["domain.history"]) -> None:
        history.append(1)

    with pytest.raises(theus.FrozenInputError):
        engine_with(change).run_process("change")


def test_ctx_and_lists_besides_the_marks() -> None:
    """A parameter ctx gets the context, and lists of the contract add to the marks."""

    @process(inputs=["global.most"], outputs=[])
    def limit(ctx: Any, balance: Ref["domain.balance"]) -> None:
        balance.value = min(balance.value, ctx.global_ctx.most)

    engine = engine_with(limit)
    with engine.edit() as ctx:
        ctx.domain.balance = 5000
    engine.run_process("limit")
    assert engine.ctx.domain.balance == 1000


def test_a_reference_creates_reads_and_deletes() -> None:
    """A place need not exist before it is assigned: a key, a field; del removes it again."""

    @process
    def toggle(place: Ref['domain.accounts["a.b"]'], on: bool) -> None:
        if on:
            place.value = 1
        else:
            del place.value

    engine = engine_with(toggle)
    engine.run_process("toggle", on=True)
    assert engine.ctx.domain.accounts == {"a.b": 1}
    engine.run_process("toggle", on=False)
    assert engine.ctx.domain.accounts == {}


def test_a_number_is_no_out() -> None:
    """Out of a value that cannot change in place is refused at once, naming Ref."""

    @process
    def wrong(balance: Out["domain.balance"]) -> None:
        balance += 1

    with pytest.raises(
        ContractViolationError, match=r"annotate with Ref\['domain.balance'\]"
    ) as told:
        engine_with(wrong).run_process("wrong")
    assert (told.value.process, told.value.path) == ("wrong", "domain_ctx.balance")


def test_a_missing_place_is_named() -> None:
    """Where nothing stands at a marked path, the error says so and what to do."""

    @process
    def wrong(value: In["domain.nothing.below"]) -> None:
        del value

    with pytest.raises(ContractViolationError, match=r"nothing stands at domain_ctx.nothing.below"):
        engine_with(wrong).run_process("wrong")


def test_annotations_as_text() -> None:
    """``from __future__ import annotations`` makes them all strings; they mean the same."""
    space: dict[str, Any] = {"__name__": "texts"}
    code = (
        "from __future__ import annotations\n"
        "from theus import In, Ref, process\n"
        "@process\n"
        "def add(rate: In['global.most'], other: Undefined, balance: Ref['domain.balance']):\n"
        "    balance.value += rate + other\n"
    )
    exec(code, space)
    engine = engine_with(space["add"])
    engine.run_process("add", other=1)
    assert engine.ctx.domain.balance == 1101


def test_marks_are_annotations_for_typing_too() -> None:
    """Tools that ask for the hints of a function get them."""
    assert get_type_hints(note_down)["text"] is str
    assert repr(get_type_hints(note_down)["balance"]) == "In['domain.balance']"


def test_an_async_function_stays_one() -> None:
    """What fills the parameters in can be awaited where the function can."""

    @process
    async def later(balance: In["domain.balance"]) -> int:
        return balance + 1  # type: ignore[no-any-return]

    made = bound("later", later)
    assert inspect.iscoroutinefunction(made)
    assert asyncio.run(made(System())) == 101


def refuse_star(rows: In["domain.accounts.*"]) -> None: ...
def refuse_path(rows: In["domain..x"]) -> None: ...
def refuse_args(rows: In["domain.x"], *more: int) -> None: ...
def refuse_positional(rows: In["domain.x"], at: int, /) -> None: ...


@pytest.mark.parametrize("func", [refuse_star, refuse_path, refuse_args, refuse_positional])
def test_what_cannot_be_filled_in(func: Callable[..., Any]) -> None:
    """A wildcard, no path, and a parameter without a name are refused at registration."""
    with pytest.raises(ContractDefinitionError, match="Invalid Contract"):
        engine_with(process(func))


def test_marks_that_mean_nothing() -> None:
    """A mark without a path, two at once and a name that does not exist are refused at once."""
    with pytest.raises(TypeError, match="one path in quotes"):
        In["domain.a", "domain.b"]

    def bare(x: In) -> None: ...  # type: ignore[valid-type]
    def twice(x: Annotated[int, In["domain.x"], Out["domain.x"]]) -> None: ...
    def unknown(x: "Annotated[Nowhere, In['domain.x']]") -> None: ...  # type: ignore[name-defined]

    for func in (bare, twice, unknown):
        with pytest.raises(ContractDefinitionError, match="fix:"):
            process(func)


def test_nothing_declared() -> None:
    """A bare decorator on a function without marks says what to write."""
    with pytest.raises(TypeError, match=r"declares no inputs and no outputs"):
        process(lambda ctx: ctx)


# ---- merge ---------------------------------------------------------------------------------------


def test_merged_contracts() -> None:
    """Each path once whatever its spelling, outputs win over inputs, order is kept."""
    first = ProcessContract(["domain.a", "domain.b"], ["domain.c"], ["net"], [ValueError])
    second = ProcessContract(["domain_ctx.a", "domain.c"], ["domain_ctx.b"], ["net"], ["KeyError"])
    merged = first.merge(second)
    assert merged == ProcessContract(
        ["domain.a"], ["domain.c", "domain_ctx.b"], ["net"], [ValueError, "KeyError"]
    )
    assert first.inputs == ["domain.a", "domain.b"]
    assert first.merge() == first


def test_a_contract_may_be_given_whole() -> None:
    """process(contract) binds it; its parts cannot be given besides."""
    whole = ProcessContract(["domain.balance"], [])

    @process(whole.merge(ProcessContract([], ["domain.history"])))
    def keep(ctx: Any) -> None:
        ctx.domain.history.append(ctx.domain.balance)

    engine = engine_with(keep)
    engine.run_process("keep")
    assert engine.ctx.domain.history == [100]
    with pytest.raises(TypeError, match="not both"):
        process(whole, [])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="takes contracts"):
        whole.merge(["domain.x"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="column"):
        whole.merge(ProcessContract(["domain..x"], []))


# ---- matrix --------------------------------------------------------------------------------------


def test_the_matrix_is_what_may_be_done() -> None:
    """A cell says read or write for every declared path, and agrees with the kernel's answer."""

    @process(inputs=["domain.accounts.*.pin", "global"], outputs=["domain.accounts.ada"])
    def third(ctx: Any) -> None:
        del ctx

    engine = engine_with(note_down, take_out, third)
    matrix = engine.matrix()
    assert isinstance(matrix, ContractMatrix)
    assert list(matrix) == ["note_down", "take_out", "third"]
    for name, row in matrix.items():
        for path, right in row.items():
            bits, _ = engine._permission(name, path)
            assert right == ("w" if bits & 2 else "r" if bits & 1 else ""), (name, path)
    assert str(matrix) == (
        "path                       note_down  take_out  third\n"
        "domain_ctx.accounts.*.pin      .         .        r\n"
        "domain_ctx.accounts.ada        .         .        w\n"
        "domain_ctx.balance             r         w        .\n"
        "domain_ctx.history             w         .        .\n"
        "global_ctx                     .         .        r"
    )


def test_the_matrix_in_a_notebook() -> None:
    """One row per path, one column per process, and nothing that a name could break out of."""
    engine = TheusEngine(System())
    engine.register_process("<b>", note_down)
    page = engine.matrix()._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert page.count("<tr>") == 3
    assert page.count('class="theus-w"') == 1


def test_an_empty_matrix() -> None:
    """An engine without processes has an empty table."""
    engine = TheusEngine(System())
    assert (str(engine.matrix()), len(engine.matrix()), engine.matrix().paths) == (
        "no processes",
        0,
        [],
    )
