"""Contracts from annotations: parameters that stand for paths.

::

    @process
    def settle(
        rate: Annotated[float, In["domain.rate"]],
        log: Annotated[list[str], Out["domain.log"]],
        balance: Annotated[Reference[float], Ref["domain.balance"]],
    ) -> None:
        balance.value *= 1 + rate
        log.append("settled")

``rate: In["domain.rate"]`` runs the same; type checkers take its text for the name of a type.

An In parameter gets the value, to be read. An Out parameter gets a container or an object, to be
changed in place. A Ref parameter gets a Reference, whose ``value`` is read, assigned and deleted:
a number cannot be changed in place. The contract follows from the annotations, and an engine fills
the parameters in. Called directly, the function is an ordinary function of its arguments.
"""

import inspect
import re
from ast import literal_eval
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from theus import _kernel
from theus.errors import ContractDefinitionError, ContractViolationError

T = TypeVar("T")
V = TypeVar("V")

_STEP = re.compile(r'\.?([^.\["]+)|\[("(?:[^"\\]|\\.)*"|-?\d+)\]')


_FIXED: list[type] = []
"""Kinds that arrive as they are: nobody changes such a value in place. Filled when first asked."""


def _fixed() -> tuple[type, ...]:
    """All of _FIXED."""
    if not _FIXED:
        from datetime import date, time, timedelta  # noqa: PLC0415  import theus does without
        from numbers import Number  # noqa: PLC0415
        from pathlib import PurePath  # noqa: PLC0415

        _FIXED.extend((NoneType, str, bytes, tuple, frozenset, Enum))
        _FIXED.extend((Number, date, time, timedelta, PurePath))
    return tuple(_FIXED)


@dataclass(frozen=True, slots=True)
class Mark:
    """What ``In["domain.rate"]`` gives: which parameter it makes of the one it annotates."""

    kind: str
    path: str

    def __repr__(self) -> str:
        return f"{self.kind}[{self.path!r}]"

    def __call__(self, *_: object) -> None:
        """Refused; it is here because ``typing`` wants annotations that can be called."""
        raise TypeError(f"{self!r} is an annotation, not a type to call")


class Marker:
    """In, Out and Ref: subscripted with a path, each makes a Mark."""

    __slots__ = ("_kind",)

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __getitem__(self, path: str) -> Mark:
        if not isinstance(path, str):
            raise TypeError(
                f"{self._kind}[{path!r}] is not one path in quotes\n"
                f'  fix:  write {self._kind}["domain.balance"], and with a type for checkers'
                f' Annotated[float, {self._kind}["domain.balance"]]'
            )
        return Mark(self._kind, path)

    def __repr__(self) -> str:
        return f"theus.{self._kind}"


class Reference(Generic[T]):
    """One place of the state: ``value`` reads it, assigning it writes, and ``del`` removes.

    It is what a Ref parameter gets. In a unit test, make one with ``Reference.of(value)``.

    >>> balance = Reference.of(100)
    >>> balance.value -= 30
    >>> balance.value
    70
    """

    __slots__ = ("_parent", "_path", "_step")

    def __init__(self, parent: Any, step: str | int | tuple[str], path: str) -> None:
        self._parent, self._step, self._path = parent, step, path

    @staticmethod
    def of(value: V) -> "Reference[V]":
        """A reference to a place of its own, for code that runs without an engine."""
        return Reference({"value": value}, "value", "value")

    @property
    def value(self) -> T:
        """What stands there. Raises AttributeError or KeyError where nothing does."""
        found: T = _take(self._parent, self._step)
        return found

    @value.setter
    def value(self, value: T) -> None:
        if _is_item(self._parent, self._step):
            self._parent[_key(self._step)] = value
        else:
            setattr(self._parent, str(self._step), value)

    @value.deleter
    def value(self) -> None:
        if _is_item(self._parent, self._step):
            del self._parent[_key(self._step)]
        else:
            delattr(self._parent, str(self._step))

    def __repr__(self) -> str:
        return f"<reference to {self._path}>"


def marks_of(func: Callable[..., Any]) -> dict[str, Mark]:
    """The parameters of func that stand for paths, in their order.

    Raises ContractDefinitionError where an annotation in quotes cannot be understood.
    """
    marks = {}
    for name, annotation in getattr(func, "__annotations__", {}).items():
        found = _mark(func, name, annotation)
        if found is not None:
            marks[name] = found
    return marks


def bound(name: str, func: Callable[..., Any]) -> Callable[..., Any]:
    """func as an engine calls it: ``f(ctx, **arguments)``, which fills the marked parameters in.

    func itself where it has none. Raises ContractDefinitionError for what cannot be filled in.
    """
    marks: dict[str, Mark] = getattr(func, "_pop_marks", {})
    if not marks:
        return func
    places = {each: _Place(name, func, mark) for each, mark in marks.items()}
    inside: dict[str, Any] = {
        "_call": func,
        **{f"_{each}": place for each, place in places.items()},
    }
    taken, passed = ["ctx"], []
    for each in inspect.signature(func).parameters.values():
        if each.name in places:
            passed.append(f"{each.name}=_{each.name}(ctx)")
        elif each.name == "ctx":
            passed.append("ctx=ctx")
        elif each.kind is each.VAR_KEYWORD:
            taken.append(f"**{each.name}")
            passed.append(f"**{each.name}")
        elif each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
            _refuse(name, f"its parameter {each.name!r} cannot be given by name", "drop the * or /")
        else:
            default = each.default is not each.empty
            inside[f"_default_{each.name}"] = each.default
            taken.append(each.name + (f"=_default_{each.name}" if default else ""))
            passed.append(f"{each.name}={each.name}")
    if len(taken) > 1 and not taken[1].startswith("**"):
        taken.insert(1, "*")
    is_async = inspect.iscoroutinefunction(func)
    start, wait = ("async def", "await ") if is_async else ("def", "")
    # As dataclasses do: the function that results refuses arguments in Python's own words.
    exec(
        f"{start} _bound({', '.join(taken)}):\n  return {wait}_call({', '.join(passed)})\n", inside
    )
    made: Any = inside["_bound"]
    made.__name__ = made.__qualname__ = func.__name__
    made.__doc__, made.__module__ = func.__doc__, func.__module__
    made._pop_contract, made._pop_bound = getattr(func, "_pop_contract", None), func
    return made  # type: ignore[no-any-return]


class _Place:
    """A marked parameter of one process: called with ctx it gives what the parameter gets."""

    def __init__(self, process: str, func: Callable[..., Any], mark: Mark) -> None:
        try:
            canonical = _kernel.canonical(mark.path)
        except ValueError as error:
            raise ContractDefinitionError(
                f"Invalid Contract: {mark!r} of process {process!r}: {error}", process=process
            ) from error
        self.process, self.mark, self.path = process, mark, canonical
        self.steps = steps_of(canonical)
        if "*" in self.steps:
            _refuse(
                process,
                f"{mark!r} names many places, and a parameter is one of them",
                f'list "{mark.path}" in the contract, and take ctx as a parameter',
            )

    def __call__(self, ctx: Any) -> Any:
        at = ctx
        for n, step in enumerate(self.steps[:-1]):
            at = self._step(at, step, n)
        if self.mark.kind == "Ref":
            return Reference(at, self.steps[-1], self.path)
        value = self._step(at, self.steps[-1], len(self.steps) - 1)
        if self.mark.kind == "Out" and isinstance(value, _fixed()):
            kind = "None" if value is None else f"a value of type {type(value).__name__}"
            raise ContractViolationError(
                f"{self.mark!r} of process {self.process!r}: {self.path} is {kind}, which cannot"
                f" be changed in place\n  fix:           annotate with Ref[{self.mark.path!r}] and"
                f" assign its value",
                process=self.process,
                path=self.path,
                operation="mutate",
                hint=f"annotate with Ref[{self.mark.path!r}] and assign its value",
            )
        return value

    def _step(self, at: Any, step: Any, n: int) -> Any:
        try:
            return _take(at, step)
        except (AttributeError, LookupError, TypeError) as error:
            if isinstance(error, ContractViolationError):
                raise
            hint = "mend the path, give the field a value first, or take Ref[...] and assign it"
            raise ContractViolationError(
                f"{self.mark!r} of process {self.process!r}: nothing stands at {self.path}"
                f" ({type(error).__name__}: {error})\n  fix:           {hint}",
                process=self.process,
                path=self.path,
                operation="read",
                hint=hint,
            ) from error


def steps_of(canonical: str) -> list[Any]:
    """The segments of a path as the kernel prints it: a name, an index, or a key in a tuple.

    >>> steps_of('domain_ctx.rows[3].rates["a.b"].*')
    ['domain_ctx', 'rows', 3, 'rates', ('a.b',), '*']
    """
    steps: list[Any] = []
    for match in _STEP.finditer(canonical):
        name, item = match.groups()
        if name is not None:
            steps.append(name)
        else:
            steps.append((literal_eval(item),) if item[0] == '"' else int(item))
    return steps


def _is_item(at: Any, step: Any) -> bool:
    """Whether a step leads to an item. A name is a key of what is a dict, else an attribute."""
    return not isinstance(step, str) or isinstance(at, dict)


def _key(step: Any) -> Any:
    return step[0] if isinstance(step, tuple) else step


def _take(at: Any, step: Any) -> Any:
    return at[_key(step)] if _is_item(at, step) else getattr(at, step)


def _mark(func: Callable[..., Any], name: str, annotation: object) -> Mark | None:
    if isinstance(annotation, str):
        annotation = _evaluated(func, name, annotation)
    if get_origin(annotation) is Annotated:
        found = [each for each in get_args(annotation)[1:] if isinstance(each, Mark)]
        if len(found) > 1:
            _refuse(func.__name__, f"parameter {name!r} has {len(found)} marks", "keep one of them")
        return found[0] if found else None
    if isinstance(annotation, Marker):
        _refuse(func.__name__, f"parameter {name!r} names no path", f'write {annotation!r}["..."]')
    return annotation if isinstance(annotation, Mark) and name != "return" else None


def _evaluated(func: Callable[..., Any], name: str, text: str) -> object:
    """An annotation in quotes, as ``from __future__ import annotations`` makes them all."""
    if not re.search(r"\b(?:In|Out|Ref)\s*\[", text):
        return None
    inside = inspect.getclosurevars(func).nonlocals if inspect.isfunction(func) else {}
    try:
        return eval(text, getattr(func, "__globals__", {}), dict(inside))
    except Exception as error:
        raise ContractDefinitionError(
            f"Invalid Contract: the annotation of parameter {name!r} of process"
            f" {func.__name__!r} cannot be evaluated: {type(error).__name__}: {error}\n"
            f"  fix:           import what {text} names at the top of the module",
            process=func.__name__,
        ) from error


def _refuse(process: str, why: str, fix: str) -> None:
    raise ContractDefinitionError(
        f"Invalid Contract: process {process!r}: {why}\n  fix:           {fix}",
        process=process,
        hint=fix,
    )


In: Any = Marker("In")
"""Marks a parameter that gets the value at a path, to be read: ``rate: In["domain.rate"]``."""
Out: Any = Marker("Out")
"""Marks a parameter that gets what stands at a path, to be changed in place."""
Ref: Any = Marker("Ref")
"""Marks a parameter that gets a Reference to a path, whose value is read and assigned."""
