"""Workflows: what the kernel must be told to load one, and the ways to drive a run."""

import builtins
import difflib
import importlib
import json
import os
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from theus import _kernel, errors
from theus._audit import parameters
from theus._table import default_table
from theus.errors import ConfigError, FluxCancelledError, UnknownProcessError

if TYPE_CHECKING:
    from theus._kernel import Engine, FluxProgram, FluxRun
    from theus._machine import Program
    from theus._picture import Picture

Workflow: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | list[Any]
"""A file, the text of one, or what stands in one."""

_FILE, _PROCESS = 1, 2  # kinds of wants in theus.h
_BEGINNINGS = ("{", "[", "- ", "steps:")


@dataclass(frozen=True)
class WorkflowStep:
    """One step that a run has carried out.

    Attributes:
        kind: ``"run"``, a process; ``"sleep"``, before another attempt; ``"fork"``, all branches.
        place: file:line:column, or where it stands in a dict.
        depth: how many steps stand around it.
        process: the name of the process, or ``""``.
        arguments: what it was called with, beside ``ctx``.
        seconds: that were slept.
    """

    kind: str
    place: str
    depth: int
    process: str = ""
    arguments: Mapping[str, Any] | None = None
    seconds: float = 0.0


class WorkflowRun:
    """A run of a workflow, a step at a time; ``engine.start_workflow`` gives one.

    Iterating over it takes all the steps that are left. It belongs to one thread at a time; any
    thread may cancel it. A notebook shows it as a picture, with the step it is at marked.
    """

    def __init__(self, run: "FluxRun", source: tuple[str, str, bool]) -> None:
        self._run = run
        self._source = source
        self._place = ""  # of the step it is at, or was at last

    def __iter__(self) -> Iterator[WorkflowStep]:
        while (step := self.step()) is not None:
            yield step

    def __repr__(self) -> str:
        name = self._run.program.files[0]
        state = "ended" if self.ended else "running"
        return f"<run of {name}, {state}, {self.loops} iterations>"

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self._run.ended

    @property
    def loops(self) -> int:
        """The iterations that were made, of all loops together."""
        return self._run.loops

    def peek(self) -> WorkflowStep | None:
        """The step that comes next, or None at the end. Conditions are evaluated for that."""
        return self._told(self._run.next())

    def step(self) -> WorkflowStep | None:
        """Carry out one step and tell which; None at the end.

        Raises what the workflow fails with, unchanged, as ``execute_workflow`` does.
        """
        step = self.peek()
        if step is None:
            self._run.result()
            return None
        self._run.perform()
        return step

    def run(self) -> None:
        """Carry out all that is left. Raises as step does."""
        self._run.drive()

    def cancel(self) -> None:
        """End the run at its next step. What stands under ``finally`` is still run.

        Then the run raises FluxCancelledError. A process that runs already comes to its end.
        """
        self._run.cancel()

    def _draw(self) -> "Picture":
        """The workflow, with the step marked that comes next or was the last."""
        drawing = importlib.import_module("theus._drawing")  # few draw, so few load it
        outline = _kernel.outline(*self._source)
        picture: Picture = drawing.draw_workflow(self._source[0], outline, self._place)
        return picture

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows."""
        return self._draw()._repr_mimebundle_()

    def _told(self, action: tuple[Any, ...] | None) -> WorkflowStep | None:
        if action is None:
            return None
        kind, depth, number, *rest = action
        place = self._place = self._run.program.place(number)
        if kind == "run":
            return WorkflowStep(kind, place, depth, rest[0], rest[1])
        return WorkflowStep(kind, place, depth, seconds=rest[0] if kind == "sleep" else 0.0)


@dataclass(frozen=True)
class Loaded:
    """A program, and what its processes take."""

    program: "FluxProgram"
    takes: tuple[tuple[frozenset[str], bool], ...]  # by number of a process: names, any other
    stamps: tuple[tuple[str, float, int], ...]  # of its files: name, mtime, size
    registered: int
    source: tuple[str, str, bool]  # name, text, whether it is JSON

    def start(self, max_loops: int, kwargs: Mapping[str, Any]) -> "FluxRun":
        """Begin a run. Raises TypeError for an argument that nothing takes."""
        extra: list[dict[str, Any] | None] = []
        left = set(kwargs) - set(self.program.locals)
        for names, open_ in self.takes:
            taken = {name: value for name, value in kwargs.items() if open_ or name in names}
            left -= set(taken)
            extra.append(taken or None)
        if left:
            raise TypeError(self._unexpected(min(left)))
        return self.program.start(max_loops, SimpleNamespace(**kwargs), extra)

    def _unexpected(self, name: str) -> str:
        known = sorted({each for names, _ in self.takes for each in names})
        near = difflib.get_close_matches(name, known, 1)
        return (
            f"the workflow got an unexpected keyword argument {name!r}: none of its processes"
            f" takes it, and no condition reads local.{name}"
            + (f"\n  did you mean:  {near[0]}" if near else "")
        )


class Workflows:
    """The workflows of an engine: loading, and the cache of what was loaded."""

    def __init__(self, engine: "Engine[Any]", max_loops: int) -> None:
        self._owner = weakref.ref(engine)  # which owns this: no cycle, see test_gc.py
        self.max_loops = max_loops
        self.cache: dict[str, Loaded] = {}
        self.registered = 0  # grows when a process is registered: what was loaded is checked again
        self._questions: dict[str, FluxProgram] = {}
        self._parts: dict[tuple[int, str, str], Loaded] = {}  # of state machines

    @property
    def _engine(self) -> "Engine[Any]":
        engine = self._owner()
        assert engine is not None
        return engine

    def start(self, workflow: Workflow, kwargs: Mapping[str, Any]) -> WorkflowRun:
        """Begin a run of a workflow."""
        loaded = self.load(workflow)
        return WorkflowRun(loaded.start(self.max_loops, kwargs), loaded.source)

    def start_part(self, program: "Program") -> "FluxRun":
        """Begin a run of steps that stand somewhere in a document."""
        return self.load_part(program).start(self.max_loops, {})

    def load_part(self, program: "Program") -> Loaded:
        """Check such steps, and what they call: a file is looked for beside the one they are in."""
        name, text, built = program.source
        key = (program.part, name, text)
        known = self._parts.get(key)
        if known is None or known.registered != self.registered or not _fresh(known.stamps):
            known = self._check(name, text, built, _Files(), program.part)
            if len(self._parts) >= 256:
                self._parts.clear()
            self._parts[key] = known
        return known

    def load(self, workflow: Workflow) -> Loaded:
        """A checked workflow: of a file, from the cache if neither it nor a process changed."""
        if isinstance(workflow, Mapping | list):
            return self._check("<dict>", _as_json(workflow), True, _Files())
        if isinstance(workflow, str) and _is_text(workflow):
            return self._check("<text>", workflow, False, _Files())
        name = os.path.normpath(os.fspath(workflow))
        known = self.cache.get(name)
        if known and known.registered == self.registered and _fresh(known.stamps):
            return known
        files = _Files()
        loaded = self._check(name, files.read(name), False, files)
        self.cache[name] = loaded
        return loaded

    def ask(self, condition: str) -> bool:
        """Evaluate a condition."""
        program = self._questions.get(condition)
        if program is None:
            program = self._engine._flux_ask(condition)
            if len(self._questions) >= 256:
                self._questions.clear()
            self._questions[condition] = program
        return program.start(self.max_loops, SimpleNamespace(), []).holds()

    def forget(self) -> None:
        """Let go of all that was loaded."""
        self.cache.clear()
        self._questions.clear()
        self._parts.clear()

    def _check(self, name: str, text: str, built: bool, files: "_Files", part: int = 0) -> Loaded:
        """Load a text, or a part of it, telling the kernel whatever it wants to know."""
        processes: dict[str, tuple[str, tuple[str, ...], bool, bool]] = {}
        while True:
            names = tuple(default_table.names())
            found = self._engine._flux_load(
                name, text, built, part, tuple(files.told), tuple(processes.values()), names
            )
            if not isinstance(found, list):
                break
            for kind, wanted, origin in found:
                if kind == _PROCESS:
                    processes[wanted] = self._describe(wanted)
                else:
                    files.tell(wanted, origin)
        takes = tuple(
            (frozenset(processes[each][1]), processes[each][2]) for each in found.processes
        )
        source = (name, text, built)
        return Loaded(found, takes, tuple(files.stamps), self.registered, source)

    def _describe(self, name: str) -> tuple[str, tuple[str, ...], bool, bool]:
        try:
            func = _kernel.Engine.get_process(self._engine, name)  # as it is called, not as written
        except UnknownProcessError:
            return name, (), False, True
        defaults, required, open_ = parameters(func)
        return name, (*required, *defaults), open_, False


class _Files:
    """The files that a workflow is made of, as they were when they were read."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, str, str]] = []
        self.stamps: list[tuple[str, float, int]] = []

    def read(self, name: str) -> str:
        path = Path(name)
        found = path.stat()
        self.stamps.append((name, found.st_mtime, found.st_size))
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: this is not UTF-8: {error.reason}") from error

    def tell(self, wanted: str, origin: str) -> None:
        """Read a file that another one calls; it is named from where that one stands."""
        folder = "" if origin.startswith("<") else os.path.dirname(origin)
        name = os.path.normpath(os.path.join(folder, wanted))
        try:
            text, problem = self.read(name), ""
        except (OSError, ConfigError) as error:
            text = ""
            problem = getattr(error, "strerror", None) or str(error.args[0])
        self.told.append((wanted, origin, name, text, problem))


def _is_text(workflow: str) -> bool:
    """Whether this is a workflow, and not the name of a file.

    >>> _is_text("- water"), _is_text("water.yaml")
    (True, False)
    """
    return "\n" in workflow or workflow.lstrip(" ").startswith(_BEGINNINGS)


def _fresh(stamps: tuple[tuple[str, float, int], ...]) -> bool:
    for name, mtime, size in stamps:
        try:
            found = os.stat(name)
        except OSError:
            return False
        if (found.st_mtime, found.st_size) != (mtime, size):
            return False
    return True


def _as_json(workflow: object) -> str:
    try:
        return json.dumps(workflow, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"a workflow given as a dict holds what a file could not: {error}\n"
            f"  fix:  pass values as arguments of the workflow, and name them in local"
        ) from error


def failure(classes: str, text: str) -> BaseException:
    """The exception for what failed in the kernel, not in a process. Called by the extension."""
    name = classes.partition("\n")[0]
    if name == "CancelledError":
        return FluxCancelledError(text)
    kind = getattr(errors, name, getattr(builtins, name, None))
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind = RuntimeError
    return kind(text)


def fork(branches: list["FluxRun"]) -> None:
    """Drive parallel branches, one after the other: any order gives the same."""
    for branch in branches:
        branch.settle()


def max_loops_of(max_ops: int | None) -> int:
    """The budget of a run: the argument, else THEUS_MAX_LOOPS, else 10000.

    >>> max_loops_of(5)
    5
    """
    if max_ops is not None:
        if type(max_ops) is not int or max_ops < 1:
            raise TypeError(f"max_ops is {max_ops!r}; write a whole number above 0, or None")
        return max_ops
    text = os.environ.get("THEUS_MAX_LOOPS", "").strip()
    if not text:
        return 10_000
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError(
            f"the environment variable THEUS_MAX_LOOPS is {text!r}\n"
            f"  fix:  set it to a whole number above 0, the iterations one run may make"
        )
    return int(text)
