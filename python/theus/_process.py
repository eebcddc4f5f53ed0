"""The decorator ``process`` and what it leaves on a function: a contract, nothing else."""

import builtins
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard, TypeVar, cast, overload

from theus import _kernel
from theus._binding import marks_of
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

    def merge(self, *others: "ProcessContract") -> "ProcessContract":
        """Make one contract that allows what this one and the others allow.

        Each path stands there once, however it is spelled, and an output is not an input as well.
        Nothing is made wider: no parent is granted for its parts.

        Raises:
            TypeError: one of the others is no contract.
            ValueError: an entry is no path.

        >>> prices = ProcessContract(["domain.prices"], [])
        >>> books = ProcessContract(["domain.rate"], ["domain.books"], errors=[KeyError])
        >>> prices.merge(books, ProcessContract(["domain_ctx.books"], []))
        ProcessContract(inputs=['domain.prices', 'domain.rate'], outputs=['domain.books'], \
side_effects=[], errors=[<class 'KeyError'>])
        """
        for each in others:
            if not isinstance(each, ProcessContract):
                raise TypeError(f"merge takes contracts, not {each!r}")
        parts = (self, *others)
        outputs = _first_of_each(path for each in parts for path in each.outputs)
        inputs = _first_of_each(path for each in parts for path in each.inputs)
        return ProcessContract(
            [path for canonical, path in inputs.items() if canonical not in outputs],
            list(outputs.values()),
            list(dict.fromkeys(entry for each in parts for entry in each.side_effects)),
            list(dict.fromkeys(entry for each in parts for entry in each.errors)),
        )


@overload
def process(func: F, /) -> F: ...
@overload
def process(contract: ProcessContract, /) -> Callable[[F], F]: ...
@overload
def process(
    *, side_effects: Paths | None = None, errors: Errors | None = None
) -> Callable[[F], F]: ...
@overload
def process(
    inputs: Paths,
    outputs: Paths,
    side_effects: Paths | None = None,
    errors: Errors | None = None,
) -> Callable[[F], F]: ...
def process(
    inputs: Any = None,
    outputs: Any = None,
    side_effects: Any = None,
    errors: Any = None,
) -> Any:
    """Put a contract beside the function it binds.

    The function itself comes back, with the attribute ``_pop_contract``: called directly with a
    real context it is an ordinary function, which is how a unit test uses it. An engine guards it.
    A function at the top of a module is also found by its name, see ``TheusEngine.run_process``.

    Args:
        inputs: paths the process may read, such as ``"domain.balance"``.
        outputs: paths the process may read and write.
        side_effects: what it does outside the context; a process that has any is not run twice.
        errors: exception classes, or their names, that reach the caller unchanged.

    Instead of the lists a ProcessContract may be given. A function with parameters annotated by
    ``In``, ``Out`` and ``Ref`` declares the paths there: ``@process`` alone is enough, and lists
    that are given besides add to them.

    The entries are checked when an engine registers the function.

    Raises:
        TypeError: inputs or outputs are missing, and no parameter is marked.
        ContractDefinitionError: a mark cannot be understood.

    >>> @process(inputs=["domain.rate"], outputs=["domain.balance"], errors=[OverflowError])
    ... def add_interest(ctx):
    ...     ctx.domain.balance += ctx.domain.balance * ctx.domain.rate
    >>> add_interest._pop_contract.outputs
    ['domain.balance']

    >>> from theus import In, Ref
    >>> @process
    ... def settle(rate: In["domain.rate"], balance: Ref["domain.balance"]):
    ...     balance.value *= 1 + rate
    >>> settle._pop_contract.inputs, settle._pop_contract.outputs
    (['domain.rate'], ['domain.balance'])
    """
    given: Any = (inputs, outputs, side_effects, errors)
    if isinstance(inputs, ProcessContract):
        if outputs is not None or side_effects is not None or errors is not None:
            raise TypeError("process() takes a contract, or its parts, not both; merge them first")
        given = (inputs.inputs, inputs.outputs, inputs.side_effects, inputs.errors)
    elif inspect.isroutine(inputs):
        return _bind(cast("Any", inputs), (None, None, None, None))
    elif (inputs is None) != (outputs is None):
        raise TypeError(
            f"process() misses its {'inputs' if inputs is None else 'outputs'}\n"
            f"  fix:  write both lists; one that is empty is []"
        )
    return lambda func: _bind(func, given)


def _bind(func: F, given: tuple[Any, Any, Any, Any]) -> F:
    """Leave the contract on func, made of the lists that were given and of its marks."""
    inputs, outputs, side_effects, errors = given
    marks = marks_of(func)
    missing = [name for name, list_ in (("inputs", inputs), ("outputs", outputs)) if list_ is None]
    if missing and not marks:
        name = getattr(func, "__name__", "it")
        raise TypeError(
            f"process {name!r} declares no {' and no '.join(missing)}\n"
            f"  fix:  write @process(inputs=[...], outputs=[...]), or annotate its parameters:"
            f' {name}(rate: In["domain.rate"])'
        )
    contract: Any = ProcessContract(
        _as_list(inputs), _as_list(outputs), _as_list(side_effects), _as_list(errors)
    )
    for mark in marks.values():
        paths = contract.inputs if mark.kind == "In" else contract.outputs
        if isinstance(paths, list) and mark.path not in paths:
            paths.append(mark.path)
    cast("Any", func)._pop_contract = contract
    if marks:
        cast("Any", func)._pop_marks = marks
    default_table.add(func)
    return func


def _first_of_each(paths: Iterable[str]) -> dict[str, str]:
    """Paths by what they mean, each as it was spelled first."""
    found: dict[str, str] = {}
    for path in paths:
        found.setdefault(_kernel.canonical(path), path)
    return found


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
    code = getattr(func, "__code__", None)
    if code is not None and code.co_argcount == 0 and not code.co_flags & inspect.CO_VARARGS:
        raise TypeError(
            f"process {name!r} takes no context\n"
            f"  fix:  give it a first parameter: def {name}(ctx, ...)"
        )
    if inspect.isasyncgenfunction(func):
        raise TypeError(
            f"process {name!r} is an async generator, which would go on after its transaction\n"
            f"  fix:  make it an async function that returns a list"
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
