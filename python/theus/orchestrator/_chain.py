"""A chain: the program of a state on its way, and the event that ends it."""

import inspect
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from theus._engine import TheusEngine
from theus._machine import Program, Timer
from theus.errors import FluxCancelledError
from theus.interfaces import IEngine

if TYPE_CHECKING:
    from theus._kernel import FluxRun

DONE, FAIL = "EVT_CHAIN_DONE", "EVT_CHAIN_FAIL"


class Completion(str):
    """An event that belongs to one visit of a state: the end of its chain, or its timer.

    It equals its text, ``"EVT_CHAIN_DONE"`` or ``"EVT_CHAIN_FAIL"``. Once the machine has left that
    visit it moves nothing.

    Attributes:
        visit: which one; the first that a manager enters is 1.
        state: the state that was visited.
        error: what made the chain fail, or None.
    """

    __slots__ = ("error", "state", "visit")

    visit: int
    state: str
    error: BaseException | None

    @classmethod
    def of(
        cls, text: str, visit: int, state: str, error: BaseException | None = None
    ) -> "Completion":
        """An event of a visit."""
        event = cls(text)
        event.visit, event.state, event.error = visit, state, error
        return event


class Chain:
    """What runs for one visit of a state. It ends exactly once, whatever happens to it."""

    def __init__(self, visit: int, state: str) -> None:
        self.visit = visit
        self.state = state
        self.cancelled = False  # no further step of the entry begins
        self.running = ""  # the step that does, for messages
        self.thread: int | None = None
        self.ended = threading.Event()
        self._lock = threading.Lock()  # protects what follows
        self._next: list[Callable[[], None]] = []
        self._program: FluxRun | None = None  # of Flux, that runs and may be cancelled

    def cancel(self) -> None:
        """Let no further step begin."""
        self.cancelled = True
        program = self._program
        if program is not None:
            program.cancel()

    def afterwards(self, action: Callable[[], None]) -> None:
        """Call action when the chain has ended; at once if it has."""
        with self._lock:
            if not self.ended.is_set():
                self._next.append(action)
                return
        action()

    def end(self) -> bool:
        """Note that it has ended; False: it had before."""
        with self._lock:
            if self.ended.is_set():
                return False
            self.ended.set()
            actions, self._next = self._next, []
        for action in actions:
            action()
        return True

    def run(self, engine: IEngine, program: Program, certain: bool) -> bool:
        """Run steps until one fails; unless it is certain, until the chain is cancelled: False."""
        if not program.plain or _is_async(engine, program.steps):
            return self._drive(engine, program, certain)
        for step, place in zip(program.steps, program.places, strict=True):
            if self.cancelled and not certain:
                return False
            self.running = str(step)
            try:
                engine.execute_process(self.running)
            except Exception as error:
                error.add_note(f"in the state machine, at {place}")
                raise
        self.running = ""
        return True

    def _drive(self, engine: IEngine, program: Program, certain: bool) -> bool:
        """Run a program of Flux, or one with a process that has to be awaited."""
        if not isinstance(engine, TheusEngine):
            raise TypeError(
                f"{type(engine).__name__} runs processes, not the steps {list(program.steps)}"
            )
        run = engine._flux.start_part(program)
        if not certain:
            self._program = run
            if self.cancelled:
                run.cancel()
        self.running = "a program of Flux"
        try:
            if _is_async(engine, run.program.processes):
                from theus import _async  # noqa: PLC0415

                _async.run_apart(engine, run)
            else:
                run.drive()
        except FluxCancelledError:
            if not self.cancelled:
                raise
            return False
        finally:
            self._program = None
        self.running = ""
        return True


def _is_async(engine: IEngine, names: Iterable[object]) -> bool:
    """Whether one of the processes has to be awaited."""
    return isinstance(engine, TheusEngine) and any(
        inspect.iscoroutinefunction(engine.get_process(str(name))) for name in names
    )


class Alarms:
    """The timers of the state that is visited now."""

    def __init__(self) -> None:
        self._timers: list[threading.Timer] = []

    def set(self, timers: Iterable[Timer], ring: Callable[[str], None]) -> None:
        """Replace them all: each rings with its event, once."""
        self.clear()
        for timer in timers:
            alarm = threading.Timer(timer.seconds, ring, (timer.event,))
            alarm.name, alarm.daemon = f"theus-timer-{timer.event}", True
            self._timers.append(alarm)
            alarm.start()

    def clear(self) -> list[threading.Timer]:
        """Stop them; what is ringing at this moment rings on. Gives those that have not ended."""
        for alarm in self._timers:
            alarm.cancel()
        self._timers = [alarm for alarm in self._timers if alarm.is_alive()]
        return self._timers[:]
