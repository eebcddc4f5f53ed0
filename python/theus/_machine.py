"""Definitions of state machines: the kernel reads and checks them, here they become values."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from theus import _kernel
from theus._audit import parameters
from theus._table import default_table
from theus.errors import ConfigError, ContractViolationError
from theus.interfaces import IEngine

Step = str | dict[str, Any]
"""The name of a process, or a step of Flux."""


@dataclass(frozen=True)
class Move:
    """Where an event leads, if its condition holds; ``when`` is ``""`` where there is none."""

    target: str
    when: str
    place: str


@dataclass(frozen=True)
class Timer:
    """What a state emits so many seconds after it was entered, if it was not left since."""

    seconds: float
    event: str


@dataclass(frozen=True)
class Program:
    """Steps, and where each stands: ``file:line:column``, or the way to it in a dict.

    The kernel finds them as that part of the source: (name, text, whether it is JSON).
    """

    steps: tuple[Step, ...] = ()
    places: tuple[str, ...] = ()
    part: int = 0
    source: tuple[str, str, bool] = field(default=("", "", False), repr=False)

    @property
    def plain(self) -> bool:
        """Whether all steps are names of processes."""
        return all(isinstance(step, str) for step in self.steps)


@dataclass(frozen=True)
class State:
    """A state as its definition says.

    Attributes:
        name: its name.
        entry: what runs when it is entered, a step after the other.
        on_exit: what runs when it is left, before the entry of the next state.
        on: event to where it leads; the first whose condition holds counts.
        after: its timers.
        place: where it stands, ``file:line:column``.
        programs: (what runs on the way in, what runs on the way out), as the kernel loads them.
    """

    name: str
    entry: tuple[Step, ...]
    on_exit: tuple[Step, ...]
    on: Mapping[str, tuple[Move, ...]]
    after: tuple[Timer, ...]
    place: str
    programs: tuple[Program, Program] = field(default=(Program(), Program()), repr=False)


@dataclass(frozen=True)
class Machine:
    """A checked definition."""

    name: str
    start: str
    states: Mapping[str, State]
    processes: tuple[str, ...]


Definition = Mapping[str, Any] | str | os.PathLike[str]
"""A dict, the path of a YAML file, or the YAML itself: a text of several lines."""


def worded(definition: Definition, what: str) -> tuple[str, str, bool]:
    """(name for messages, text, whether it is JSON) of a definition.

    Raises FileNotFoundError, or ConfigError for what is no text and no data.
    """
    if isinstance(definition, str) and "\n" in definition:
        return what, definition, False
    if isinstance(definition, str | os.PathLike):
        name = os.fspath(definition)
        try:
            return name, Path(name).read_text(encoding="utf-8"), False
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: this is not UTF-8 text") from error
    if not isinstance(definition, Mapping | list):
        raise ConfigError(f"a {what} is a dict, a file or YAML text, not {definition!r}")
    try:
        return what, json.dumps(definition, default=_plain), True
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"a {what} is made of plain data: {error}") from error


def _plain(value: object) -> object:
    """What json does not know: other mappings."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} is none")


def load_machine(
    definition: Definition, start: str | None = None, engine: IEngine | None = None
) -> Machine:
    """Check a definition, against the processes of an engine if there is one.

    Raises ConfigError with every problem and its place, FileNotFoundError.
    """
    if start is not None and not isinstance(start, str):
        raise ConfigError(f"the start is the name of a state, not {start!r}")
    name, text, is_json = worded(definition, "state machine")
    begin = start or ""
    known = ""
    if engine is not None:
        known = json.dumps(_known(engine, name, text, is_json))
    read = json.loads(_kernel.load_machine(name, text, begin, known, is_json))
    states = {each["name"]: _state(each, (name, text, is_json)) for each in read["states"]}
    return Machine(read["name"], read["start"], MappingProxyType(states), tuple(read["processes"]))


def _state(read: dict[str, Any], source: tuple[str, str, bool]) -> State:
    on: dict[str, tuple[Move, ...]] = {}
    for move in read["moves"]:
        way = Move(move["target"], move["when"], move["place"])
        on[move["event"]] = (*on.get(move["event"], ()), way)
    entry, leaving = (
        Program(tuple(read[key]), tuple(read[f"{key}_places"]), read[f"{key}_part"], source)
        for key in ("entry", "exit")
    )
    return State(
        read["name"],
        entry.steps,
        leaving.steps,
        MappingProxyType(on),
        tuple(Timer(timer["seconds"], timer["event"]) for timer in read["after"]),
        read["place"],
        (entry, leaving),
    )


def _known(engine: IEngine, name: str, text: str, is_json: bool) -> dict[str, list[str] | None]:
    """What can be run, by name: the arguments it takes, or None if it takes any."""
    if isinstance(engine, _kernel.Engine):
        names = {*engine._names(), *default_table.names()}
    else:  # an engine of somebody else's cannot list them; it is asked for those that are named
        names = set(json.loads(_kernel.load_machine(name, text, "", "", is_json))["processes"])
    known: dict[str, list[str] | None] = {}
    for each in names:
        try:
            func = engine.get_process(each)
        except KeyError:
            continue
        except ContractViolationError:  # it is there, and running it says what is wrong
            known[each] = None
            continue
        defaults, required, is_open = parameters(func)
        known[each] = None if is_open else [*required, *defaults]
    return known
