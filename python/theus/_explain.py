"""``explain``: an error in parts, one a line, for a person who has to mend it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from theus.errors import ScanError, TheusError, _spelled

if TYPE_CHECKING:
    from types import TracebackType

# What mends most errors of a class; what the error itself knows is better.
_CURES = {
    "THEUS-E000": "the text above says what was refused",
    "THEUS-C001": "name the error in the errors of @process, or handle it in the process",
    "THEUS-C002": 'write each entry of the contract as a path, such as "domain.balance"',
    "THEUS-C003": "register the function you mean: engine.register_process(name, function)",
    "THEUS-C004": "register the process, or correct its name",
    "THEUS-A001": "add the path to the inputs or outputs of @process",
    "THEUS-A002": "add the path to the outputs of @process",
    "THEUS-A003": "declare the path as an output, or leave it out of the inputs",
    "THEUS-A004": "write it in a process that has it as output, or in engine.edit()",
    "THEUS-V001": "keep it in a field whose name starts with heavy_, or as plain data",
    "THEUS-V002": "keep theus.plain(value) instead of the view",
    "THEUS-T001": "make the other transaction shorter, or run the process again",
    "THEUS-T002": "end the recursion: a process that calls itself needs a case that does not",
    "THEUS-E001": "create a new TheusEngine, or close the old one later",
    "THEUS-K001": "close this engine and open another; please report the text as a bug of Theus",
    "THEUS-K002": "create the first engine after the fork, or start workers with 'spawn'",
    "THEUS-R001": "make the process keep to the rule, or change the rule in its recipe",
    "THEUS-R002": "make the process keep to the rule, or change the rule in its recipe",
    "THEUS-R003": "mend the state in engine.edit(), then call engine.reset_interlock()",
    "THEUS-F001": "mend the condition, or give the engine a larger max_ops",
    "THEUS-F002": "catch it where the workflow is driven, or do not cancel it",
    "THEUS-G001": "set what the text names to one of the values it lists",
    "THEUS-G002": "mend the files below; each error is explained",
    "THEUS-G003": "store a value of the expected type, or change the schema",
}
_INDENT = "  "


def explain(error: BaseException) -> str:
    """Say what an error means, what led to it and what mends it.

    The parts, each where the error has it: what the class means, the process, what it tried at
    which path, what it may do, what it declares, the nearest declared name, the cause, the fix,
    the line that did it, and the page in docs/errors with an example.

    An error that is not of Theus is explained by the Theus error it came from, if there is one in
    its chain, and an exception group by each of its errors. No value of the state is printed, but
    what the texts of the errors themselves say.

    Raises TypeError where error is no exception.

    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, explain, process
    >>> @process(inputs=["domain.rate"], outputs=["domain.paid"])
    ... def debit(ctx):
    ...     ctx.domain.pait = 0
    >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
    ...     engine.register_process("debit", debit)
    ...     try:
    ...         engine.run_process("debit")
    ...     except PermissionError as error:
    ...         print(explain(error))
    AccessDeniedError [THEUS-A001]: Illegal Write: 'domain_ctx.pait' by process 'debit'
      means:         A read or write that the contract of the running process does not allow.
      process:       debit
      tried:         write domain_ctx.pait
      it may write:  domain_ctx.paid
      inputs:        domain.rate
      outputs:       domain.paid
      did you mean:  domain_ctx.paid
      fix:           write domain_ctx.paid, or add "domain_ctx.pait" to the outputs of @process
      at:            ...
      page:          docs/errors/THEUS-A001.md
    """
    if not isinstance(error, BaseException):
        raise TypeError(f"explain() takes an exception, such as the one caught, not {error!r}")
    return "\n".join(_explained(error, set()))


def _explained(error: BaseException, seen: set[int]) -> Iterator[str]:
    """The lines for an error. Errors may chain in circles: those in seen are not told again."""
    seen.add(id(error))
    if isinstance(error, TheusError):
        yield from _of_theus(error)
    elif isinstance(error, ScanError):
        yield f"ScanError [{error.code}]: {_first_line(error)}"
        yield _part("means", _meaning(error))
        yield _part("fix", _CURES[error.code])
        yield _part("page", f"docs/errors/{error.code}.md")
    else:
        yield from _foreign(error)
    if isinstance(error, BaseExceptionGroup):
        yield from _of_group(error, seen)
    elif not isinstance(error, TheusError):
        yield from _of_chain(error, seen)


def _of_theus(error: TheusError) -> Iterator[str]:
    yield f"{type(error).__name__} [{error.code}]: {_first_line(error)}"
    yield _part("means", _meaning(error))
    contract = error.contract
    cause = error.__cause__
    parts = {
        "process": error.process,
        "tried": f"{error.operation} {error.path}".strip() or error.path,
        f"it may {_right(error.operation)}": ", ".join(error.allowed),
        "inputs": contract and (", ".join(contract.inputs) or "nothing"),
        "outputs": contract and (", ".join(contract.outputs) or "nothing"),
        "errors": contract and cause and (", ".join(map(str, contract.errors)) or "nothing"),
        "did you mean": error.nearest,
        "cause": cause and f"{type(cause).__name__}: {_first_line(cause)}",
        "fix": error.hint or _CURES.get(error.code, _CURES["THEUS-E000"]),
        "at": _spelled(error.where) or _place(cause) or _place(error),
        "page": f"docs/errors/{error.code}.md",
    }
    yield from (_part(label, text) for label, text in parts.items() if text)


def _foreign(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__name__}: {_first_line(error)}"
    yield _part("means", "This is no error of Theus.")
    where = _place(error)
    if where:
        yield _part("at", where)
    if not isinstance(error, BaseExceptionGroup) and _theus_behind(error) is None:
        yield _part(
            "what helps",
            "the line above" if where else "its traceback, of which there is none here",
        )
        yield _part(
            "note",
            "a process' error that its contract names arrives unchanged, and nothing was written",
        )


def _of_chain(error: BaseException, seen: set[int]) -> Iterator[str]:
    behind = _theus_behind(error)
    if behind is not None and id(behind) not in seen:
        yield "behind it is"
        yield from (_INDENT + line for line in _explained(behind, seen))


def _of_group(group: BaseExceptionGroup[BaseException], seen: set[int]) -> Iterator[str]:
    for number, each in enumerate(group.exceptions, 1):
        if id(each) not in seen:
            yield f"{number} of {len(group.exceptions)}"
            yield from (_INDENT + line for line in _explained(each, seen))


def _theus_behind(error: BaseException) -> BaseException | None:
    """The nearest error of Theus that error was raised from, or while it was handled."""
    met = {id(error)}
    behind = error.__cause__ or error.__context__
    while behind is not None and id(behind) not in met:
        if isinstance(behind, TheusError | BaseExceptionGroup):
            return behind
        met.add(id(behind))
        behind = behind.__cause__ or behind.__context__
    return None


def _place(error: BaseException | None) -> str:
    """FILE:LINE of the innermost line of a traceback that is not of Theus, and its function."""
    place = ""
    traceback: TracebackType | None = error.__traceback__ if error is not None else None
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__"))
        if module != "theus" and not module.startswith("theus."):
            code = frame.f_code
            place = _spelled(f"{code.co_filename}:{traceback.tb_lineno}") + f", in {code.co_name}"
        traceback = traceback.tb_next
    return place


def _meaning(error: BaseException) -> str:
    """The sentence under which the class is documented; there is none under -OO."""
    documented = (each.__doc__ for each in type(error).__mro__ if issubclass(each, BaseException))
    return next(filter(None, documented), "").partition("\n")[0]


def _first_line(error: BaseException) -> str:
    """What an error says, in one line and without its code. Not every error can be printed."""
    try:
        text = Exception.__str__(error) if isinstance(error, TheusError) else str(error)
    except Exception:
        return "<no text>"
    first = text.partition("\n")[0]
    return first.removesuffix(f" [{error.code}]") if isinstance(error, ScanError) else first


def _right(operation: str) -> str:
    return "read" if operation in ("read", "iterate") else "write"


def _part(label: str, text: str) -> str:
    """A line of an explanation.

    >>> _part("fix", "declare it")
    '  fix:           declare it'
    """
    return f"{_INDENT}{label + ':':<15}{text}".rstrip()
