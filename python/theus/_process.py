"""The decorator ``process`` and what it leaves on a function: a contract, nothing else."""

import builtins
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard, TypeVar, cast

from theus._table import default_table
from theus.errors import ContractDefinitionError, TheusError

F = TypeVar("F", bound=Callable[..., Any])
Paths: TypeAlias = list[str] | tuple[str, ...] | set[str] | frozenset[str]
Errors: TypeAlias = Sequence[type[BaseException] | str]


@dataclass
class ProcessContract:
    """What a process declares.

    Attributes:
        inputs: paths it may read.
        outputs: paths it may read and write.
        side_effects: what it does to the world outside the context, in words.
        errors: exception classes, or names of them, that reach the caller unchanged.
    """

    inputs: list[str]
    outputs: list[str]
    side_effects: list[str] = field(default_factory=list)
    errors: list[type[BaseException] | str] = field(default_factory=list)


def process(
    inputs: Paths,
    outputs: Paths,
    side_effects: Paths | None = None,
    errors: Errors | None = None,
) -> Callable[[F], F]:
    """Put a contract beside the function it binds.

    The function itself comes back, with the attribute ``_pop_contract``: called directly with a
    real context it is an ordinary function, which is how a unit test uses it. An engine guards it.
    A function at the top of a module is also found by its name, see ``TheusEngine.run_process``.

    Args:
        inputs: paths the process may read, such as ``"domain.balance"``.
        outputs: paths the process may read and write.
        side_effects: what it does outside the context; a process that has any is not run twice.
        errors: exception classes, or their names, that reach the caller unchanged.

    The entries are checked when an engine registers the function. Raises nothing itself.

    >>> @process(inputs=["domain.rate"], outputs=["domain.balance"], errors=[OverflowError])
    ... def add_interest(ctx):
    ...     ctx.domain.balance += ctx.domain.balance * ctx.domain.rate
    >>> add_interest._pop_contract.outputs
    ['domain.balance']
    """

    def bind(func: F) -> F:
        contract = ProcessContract(
            _as_list(inputs), _as_list(outputs), _as_list(side_effects), _as_list(errors)
        )
        cast("Any", func)._pop_contract = contract
        default_table.add(func)
        return func

    return bind


def checked_contract(name: str, func: Callable[..., Any]) -> ProcessContract:
    """The contract of func with every entry of the right kind.

    Raises ContractDefinitionError where it has none, and TypeError naming the process and the
    entry. What the entries mean is the kernel's to say.
    """
    declared = getattr(func, "_pop_contract", None)
    if declared is None:
        hint = f"decorate {name} with @theus.process(inputs=[...], outputs=[...])"
        raise ContractDefinitionError(
            f"process {name!r} has no contract\n  fix:  {hint}", process=name, hint=hint
        )
    if inspect.iscoroutinefunction(func):
        raise TypeError(
            f"process {name!r} is an async function, which would go on after its transaction\n"
            f"  fix:  make it an ordinary function"
        )
    return ProcessContract(
        _strings(name, declared, "inputs"),
        _strings(name, declared, "outputs"),
        _strings(name, declared, "side_effects"),
        [_error(name, func, entry) for entry in _entries(name, declared, "errors")],
    )


def carry_contract(error: TheusError, name: str, func: Callable[..., Any]) -> None:
    """Give an error about the process name what func declares. Called by the extension.

    It is a copy and has the errors by name, so that the error can be pickled and holds nothing.
    """
    declared = getattr(func, "_pop_contract", None)
    if declared is None or error.process != name or error.contract is not None:
        return
    error.contract = ProcessContract(
        list(declared.inputs),
        list(declared.outputs),
        list(getattr(declared, "side_effects", None) or ()),
        [entry if isinstance(entry, str) else entry.__name__ for entry in declared.errors or ()],
    )


def _as_list(entries: Any) -> Any:
    """A list of its own for the contract; what is no collection of entries is left to the check."""
    if entries is None:
        return []
    return list(entries) if isinstance(entries, list | tuple | set | frozenset) else entries


def _entries(name: str, declared: object, part: str) -> list[Any]:
    """One part of a contract as a list; a bare class as contract may leave out side_effects."""
    try:
        entries = getattr(declared, part, []) if part == "side_effects" else getattr(declared, part)
    except AttributeError:
        raise TypeError(
            f"the contract of process {name!r} has no {part!r}\n"
            f"  fix:  give it {part} = [], or decorate the function with @theus.process"
        ) from None
    entries = _as_list(entries)
    if isinstance(entries, list):
        return entries
    fix = f"{part}=[{entries!r}]" if isinstance(entries, str) else f"{part}=[...]"
    raise TypeError(f"{part} of process {name!r} is {_a(entries)}, not a list\n  fix:  write {fix}")


def _strings(name: str, declared: object, part: str) -> list[str]:
    entries = _entries(name, declared, part)
    for entry in entries:
        if not isinstance(entry, str):
            raise TypeError(
                f"{part} of process {name!r} holds {entry!r}, {_a(entry)}\n"
                f'  fix:  write a string, such as "domain.balance"'
            )
    return entries


def _error(name: str, func: Callable[..., Any], entry: object) -> type[BaseException] | str:
    """An entry of errors: the class, or the class its name means where func stands, or the name."""
    if isinstance(entry, str):
        scope = getattr(inspect.unwrap(func), "__globals__", {})
        found = scope.get(entry, getattr(builtins, entry, None))
        return found if _is_exception(found) else entry
    if _is_exception(entry):
        return entry
    raise TypeError(
        f"errors of process {name!r} holds {entry!r}, which is no exception class\n"
        f"  fix:  write the class, such as ValueError, or its name as a string"
    )


def _is_exception(value: object) -> TypeGuard[type[BaseException]]:
    return isinstance(value, type) and issubclass(value, BaseException)


def _a(value: object) -> str:
    """The kind of a value for a sentence.

    >>> _a(3), _a("x")
    ('an int', 'a str')
    """
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
