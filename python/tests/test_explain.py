"""Errors: their codes, the place they name, what ``explain`` says, and a page for each."""

import copy
import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import System

import theus
from theus import (
    AccessDeniedError,
    ContractDefinitionError,
    ContractViolationError,
    FrozenInputError,
    ScanError,
    StaleViewError,
    TheusEngine,
    TheusError,
    UnknownProcessError,
    UnsupportedValueError,
    errors,
    explain,
    process,
)
from theus._explain import _CURES

# The promise to users: a code never changes its meaning. New classes are added, none moves.
CODES = {
    "THEUS-C001": "ContractViolationError",
    "THEUS-C002": "ContractDefinitionError",
    "THEUS-C003": "AmbiguousProcessError",
    "THEUS-C004": "UnknownProcessError",
    "THEUS-A001": "AccessDeniedError",
    "THEUS-A002": "FrozenInputError",
    "THEUS-A003": "ZoneViolationError",
    "THEUS-A004": "LockViolationError",
    "THEUS-V001": "UnsupportedValueError",
    "THEUS-V002": "StaleViewError",
    "THEUS-T001": "TransactionConflictError",
    "THEUS-T002": "NestingLimitError",
    "THEUS-E000": "TheusError",
    "THEUS-E001": "EngineClosedError",
    "THEUS-K001": "KernelPanic",
    "THEUS-K002": "ForkedKernelError",
    "THEUS-R001": "AuditError",
    "THEUS-R002": "AuditBlockError",
    "THEUS-R003": "AuditInterlockError",
    "THEUS-F001": "FluxLimitError",
    "THEUS-F002": "FluxCancelledError",
    "THEUS-G001": "ConfigError",
    "THEUS-G003": "SchemaViolationError",
    "THEUS-G002": "ScanError",
}
KINDS: list[Any] = [
    kind for name, kind in vars(errors).items() if isinstance(kind, type) and name[0] != "_"
]
PAGES = Path(__file__).parents[2] / "docs" / "errors"
# Pages that show nothing, and why.
UNSHOWN = {"THEUS-K001": "no way to cause it is known", "THEUS-K002": "must not fork"}


@pytest.fixture
def strict() -> Iterator[TheusEngine]:
    """A strict engine over the sample context."""
    with TheusEngine(System(), strict_mode=True) as engine:
        yield engine


def caught(engine: TheusEngine, body: Callable[..., Any], **contract: Any) -> TheusError:
    """What running body as a process raises."""
    bound = process(**{"inputs": [], "outputs": [], **contract})(body)
    engine.register_process("act", bound)
    with pytest.raises(TheusError) as info:
        engine.run_process("act")
    return info.value


def line_of(body: Callable[..., Any], offset: int = 1) -> str:
    """FILE:LINE of a line of a function, as an error names it."""
    return f"{__file__}:{body.__code__.co_firstlineno + offset}"


def parts_of(text: str) -> dict[str, str]:
    """The labelled lines of an explanation."""
    found = re.findall(r"^ +([^:\n]+): +(.*)$", text.partition("\n")[2], re.MULTILINE)
    return dict(found)


# ---- codes -----------------------------------------------------------------------------------


def test_codes_are_stable() -> None:
    """Each class has a code of its own, and it is the one it always had."""
    assert {kind.code: kind.__name__ for kind in KINDS} == CODES
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert "code" in vars(kind)
        assert re.fullmatch(r"THEUS-[CAVTEKGRF]\d{3}", kind.code)
        assert f"[{kind.code}]" in str(
            kind("x") if issubclass(kind, TheusError) else kind("x", [OSError()])
        )


def test_a_class_of_a_user_has_the_code_of_its_base() -> None:
    """Deriving from an error keeps its code, so that its page is still right."""

    class Denied(AccessDeniedError):
        pass

    assert str(Denied("no")) == "no [THEUS-A001]"


def test_every_class_has_a_cure() -> None:
    """The fix line of an explanation is never empty."""
    assert set(_CURES) == set(CODES)


def test_every_class_has_a_page_and_every_page_a_class() -> None:
    """docs/errors is complete: a page per class, with its code and name, and all in the index."""
    pages = {page.stem: page.read_text(encoding="utf-8") for page in PAGES.glob("*.md")}
    index = pages.pop("index")
    assert pages.keys() == CODES.keys()
    for code, page in pages.items():
        assert page.startswith(f"# {code}: {CODES[code]}\n")
        assert f"| [{code}]({code}.md) | `{CODES[code]}` |" in index
        assert [
            part for part in ("Example", "Usual causes", "Fix") if f"\n## {part}\n" not in page
        ] == []
        if code in UNSHOWN:
            assert UNSHOWN[code] in page
        else:
            shown = page.partition("```text\n")[2].partition("```")[0]
            assert code in shown or code == TheusError.code  # of which only the others are raised


# ---- the place -------------------------------------------------------------------------------


def test_a_denial_names_the_line_that_tried(strict: TheusEngine) -> None:
    """The last line of the text is the place of the access; so is the attribute."""

    def body(ctx: Any) -> None:
        ctx.domain.balanse = 1

    error = caught(strict, body, outputs=["domain.balance"])
    assert error.where == line_of(body)
    assert str(error).endswith(f"\n  at:            {line_of(body)}")
    assert error.args[0] in str(error).replace(" [THEUS-A001]", "")


def test_the_place_is_that_of_the_helper(strict: TheusEngine) -> None:
    """The innermost line counts, wherever the process called it from."""

    def helper(history: Any) -> None:
        history.append(1)

    def body(ctx: Any) -> None:
        helper(ctx.domain.history)

    error = caught(strict, body, inputs=["domain.history"])
    assert isinstance(error, FrozenInputError)
    assert error.where == line_of(helper)


@pytest.mark.parametrize("attempt", [
    lambda domain: domain.nothing,
    lambda domain: setattr(domain, "nothing", 1),
    lambda domain: delattr(domain, "nothing"),
    lambda domain: domain.history.sort(),
    lambda domain: domain.history.__setitem__(0, 1),
    lambda domain: domain._private,
])  # fmt: skip
def test_every_denial_has_its_place(strict: TheusEngine, attempt: Any) -> None:
    """Whatever the way in, the place is the line that took it."""
    error = caught(strict, lambda ctx: attempt(ctx.domain), inputs=["domain.history"])
    assert isinstance(error, AccessDeniedError)
    assert error.where == line_of(attempt, 0)
    assert error.operation
    assert error.path.startswith("domain_ctx")


def test_frames_of_theus_are_passed_over(strict: TheusEngine) -> None:
    """What a function of theus tries, its caller asked for."""

    def body(ctx: Any) -> None:
        theus.plain(ctx.domain)

    assert caught(strict, body, inputs=["domain.balance"]).where == line_of(body)


def test_a_stale_view_names_process_and_line(strict: TheusEngine) -> None:
    """The error of a view that outlived its run says whose it was and who used it."""
    kept: list[Any] = []
    strict.register_process(
        "keep",
        process(inputs=["domain.history"], outputs=[])(lambda ctx: kept.append(ctx.domain.history)),
    )
    strict.run_process("keep")
    with pytest.raises(StaleViewError) as info:
        len(kept[0])
    assert info.value.process == "keep"
    assert info.value.where == f"{__file__}:{info.traceback[0].lineno + 1}"
    assert "theus.plain" in parts_of(explain(info.value))["fix"]


def test_other_errors_name_no_place(strict: TheusEngine) -> None:
    """Where nothing was accessed there is no line to name; the traceback has the call."""
    with pytest.raises(UnknownProcessError) as unknown:
        strict.run_process("nobody")
    with pytest.raises(ContractDefinitionError) as malformed:
        strict.register_process("bad", process(inputs=["a..b"], outputs=[])(lambda ctx: None))
    assert unknown.value.where == malformed.value.where == ""
    assert parts_of(explain(unknown.value))["at"].startswith(f"{__file__}:")


# ---- the parts -------------------------------------------------------------------------------


def test_a_denial_carries_what_the_kernel_judged_by(strict: TheusEngine) -> None:
    """Operation, path, nearest name, everything allowed, and the contract as it was declared."""

    def body(ctx: Any) -> None:
        ctx.domain.balanse = 1

    outputs = ["domain.balance", *(f"domain.accounts.a{n}" for n in range(9))]
    error = caught(strict, body, inputs=["domain.history"], outputs=outputs, errors=[ValueError])
    assert (error.operation, error.path) == ("write", "domain_ctx.balanse")
    assert error.nearest == "domain_ctx.balance"
    assert len(error.allowed) == 10
    assert error.contract is not None
    assert error.contract.inputs == ["domain.history"]
    assert error.contract.outputs == outputs
    assert error.contract.errors == ["ValueError"]


def test_a_denial_is_complete_where_it_is_caught(strict: TheusEngine) -> None:
    """A process that catches its denial can explain it already."""
    seen: list[str] = []

    def body(ctx: Any) -> None:
        try:
            ctx.domain.nothing = 1
        except AccessDeniedError as error:
            seen.append(explain(error))

    strict.register_process("act", process(inputs=[], outputs=["domain.balance"])(body))
    strict.run_process("act")
    assert parts_of(seen[0])["outputs"] == "domain.balance"


def test_the_contract_is_that_of_the_process_that_tried(strict: TheusEngine) -> None:
    """A denial that passes through a caller keeps the contract of the inner process."""

    def inner(ctx: Any) -> None:
        ctx.domain.balance = 1

    def outer(ctx: Any) -> None:
        del ctx
        strict.run_process("inner")

    strict.register_process("inner", process(inputs=[], outputs=["domain.balance"])(inner))
    error = caught(strict, outer, outputs=["domain.history"])
    assert error.process == "inner"
    assert error.contract is not None
    assert error.contract.outputs == ["domain.balance"]
    assert error.allowed == ("domain_ctx.history",)  # the caller's contract refused
    assert parts_of(explain(error))["it may write"] == "domain_ctx.history"


def test_edit_has_no_contract(strict: TheusEngine) -> None:
    """edit() may do everything but use private names; there is nothing to declare."""
    with strict.edit() as ctx, pytest.raises(AccessDeniedError) as info:
        _ = ctx.domain._private
    assert info.value.contract is None
    assert info.value.where.startswith(__file__)
    assert "inputs" not in parts_of(explain(info.value))


def test_errors_travel(strict: TheusEngine) -> None:
    """A copy and a pickle explain themselves like the original, with no traceback to look at."""

    class Local(Exception):
        pass

    def body(ctx: Any) -> None:
        ctx.domain.history.append(1)

    error = caught(strict, body, inputs=["domain.history"], errors=[Local])
    for other in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert explain(other) == explain(error)


# ---- explain ---------------------------------------------------------------------------------


def test_explain_has_all_parts(strict: TheusEngine) -> None:
    """Word for word."""

    def body(ctx: Any) -> None:
        ctx.domain.balanse = 1

    error = caught(strict, body, inputs=["domain.history"], outputs=["domain.balance"])
    assert explain(error) == inspect.cleandoc(
        f"""
        AccessDeniedError [THEUS-A001]: Illegal Write: 'domain_ctx.balanse' by process 'act'
          means:         A read or write that the contract of the running process does not allow.
          process:       act
          tried:         write domain_ctx.balanse
          it may write:  domain_ctx.balance
          inputs:        domain.history
          outputs:       domain.balance
          did you mean:  domain_ctx.balance
          fix:           write domain_ctx.balance, or add "domain_ctx.balanse" to the outputs of @process
          at:            {line_of(body)}
          page:          docs/errors/THEUS-A001.md
        """  # noqa: E501
    )


def test_an_undeclared_error_is_explained_by_its_cause(strict: TheusEngine) -> None:
    """What the process raised, where, what it declares, and the two ways out."""

    def body(ctx: Any) -> None:
        del ctx
        raise KeyError("ada")

    error = caught(strict, body, errors=[ValueError, "OSError"])
    assert type(error) is ContractViolationError
    parts = parts_of(explain(error))
    assert parts["cause"] == "KeyError: 'ada'"
    assert parts["errors"] == "ValueError, OSError"
    assert parts["fix"] == "add KeyError to the errors of @process, or handle it in process 'act'"
    assert parts["at"] == f"{line_of(body, 2)}, in body"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if issubclass(kind, TheusError)])
def test_every_class_is_explained(kind: Any) -> None:
    """An error that knows nothing but its text still says what it means and what mends it."""
    parts = parts_of(explain(kind("text")))
    assert set(parts) == {"means", "fix", "page"}
    assert parts["page"] == f"docs/errors/{kind.code}.md"


def test_an_unsupported_value(strict: TheusEngine) -> None:
    """What was to be stored where."""

    def body(ctx: Any) -> None:
        ctx.domain.history = (n for n in ())

    error = caught(strict, body, outputs=["domain.history"])
    assert isinstance(error, UnsupportedValueError)
    assert parts_of(explain(error))["tried"] == "store domain_ctx.history"
    assert error.where == line_of(body)


def test_scan_errors_explain_each_file(tmp_path: Path, strict: TheusEngine) -> None:
    """The group first, then each file's error."""
    (tmp_path / "a.py").write_text("1 / 0\n")
    (tmp_path / "b.py").write_text("import a_module_that_is_not_there\n")
    with pytest.raises(ScanError) as info:
        strict.scan_and_register(tmp_path)
    text = explain(info.value)
    assert text.startswith("ScanError [THEUS-G002]: 2 of 2 files")
    assert "\n1 of 2\n  ZeroDivisionError: division by zero\n" in text
    assert f"{tmp_path / 'a.py'}:1" in text
    assert "ModuleNotFoundError" in text


def test_groups_and_chains(strict: TheusEngine) -> None:
    """An error that hides one of Theus is explained by it."""

    def body(ctx: Any) -> None:
        ctx.domain.nothing = 1

    error = caught(strict, body, outputs=["domain.balance"])
    group = ExceptionGroup("both", [ValueError("one"), error])
    text = explain(group)
    assert "\n1 of 2\n  ValueError: one\n" in text
    assert "\n2 of 2\n  AccessDeniedError [THEUS-A001]: Illegal Write" in text

    outer = RuntimeError("no money")
    outer.__cause__ = error
    text = explain(outer)
    assert text.startswith("RuntimeError: no money\n  means:         This is no error of Theus.\n")
    assert "\nbehind it is\n  AccessDeniedError [THEUS-A001]" in text
    assert "what helps" not in text


def test_an_error_of_others(strict: TheusEngine) -> None:
    """It says so, where it was raised, and what would help."""
    text = explain(ValueError("x"))
    assert "This is no error of Theus" in text
    assert "traceback" in parts_of(text)["what helps"]

    def body(ctx: Any) -> None:
        del ctx
        raise ValueError("declared")

    strict.register_process("act", process(inputs=[], outputs=[], errors=[ValueError])(body))
    with pytest.raises(ValueError, match="declared") as info:
        strict.run_process("act")
    assert parts_of(explain(info.value))["at"] == f"{line_of(body, 2)}, in body"


def test_circles_end() -> None:
    """Errors that chain or hold each other in a circle are told once."""
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert explain(one).startswith("ValueError: one\n")
    members: list[Exception] = [ValueError("inside")]
    group = ExceptionGroup("group", members)
    members[0].__context__ = group
    group.exceptions[0].__context__ = group
    assert explain(group).count("inside") == 1
    assert explain(members[0]).count("inside") == 1


def test_what_cannot_be_explained() -> None:
    """An error that cannot be printed is named; what is no error is refused."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise OSError

    assert explain(Mute()).startswith("Mute: <no text>\n")
    with pytest.raises(TypeError, match="takes an exception"):
        explain("text")  # type: ignore[arg-type]
    assert "KeyboardInterrupt" in explain(KeyboardInterrupt())


def test_no_value_of_the_state_is_shown(strict: TheusEngine) -> None:
    """Explanations may be pasted into a report: they name paths, not what lies there."""

    def body(ctx: Any) -> None:
        secret = {"pin": "s3cret"}
        ctx.domain.pin = secret

    assert "s3cret" not in explain(caught(strict, body, inputs=["domain.accounts"]))
