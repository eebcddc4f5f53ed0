"""WorkflowManager: moves a state machine by the events of a bus, and runs what its states say."""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from theus import _kernel
from theus._engine import TheusEngine
from theus._machine import Definition, Program, State
from theus._picture import Picture
from theus._signals import Signal, Way, reset, signals_of
from theus.errors import EngineClosedError, TransactionConflictError
from theus.interfaces import IEngine, IOrchestrator, IScheduler
from theus.orchestrator._chain import DONE, FAIL, Alarms, Chain, Completion
from theus.orchestrator.bus import SignalBus
from theus.orchestrator.executor import ThreadExecutor
from theus.orchestrator.fsm import StateMachine

__all__ = ["Completion", "WorkflowManager"]

_log = logging.getLogger("WorkflowManager")
_NOTHING = Program()
_ATTEMPTS = 100  # at a reset, each of which may lose against somebody else's commit


class WorkflowManager(IOrchestrator):
    """Drives a state machine: events come from a bus, programs run in a scheduler.

    Args:
        engine: runs the processes. The signals that they write reach the bus, each once, after the
            commit; consuming one resets its field. A TheusEngine closes its managers.
        scheduler: where programs run; None: threads of its own, which ``close`` joins.
        bus: where events come from; None: a bus of its own.

    ``load_workflow`` gives it a machine; then either ``run_workflow`` takes events from the bus
    until ``stop()``, or a loop of yours hands them to ``process_signal``. It is a context manager;
    leaving it closes it. Any number of threads may use it.

    What one event does, in this order: its conditions are evaluated; the machine moves; the chain
    of the old state is cancelled, so no further step of it begins, and its timers stop; the timers
    of the new state start; one job is submitted. The job puts the field of a signal to rest, runs
    ``on_exit`` of the old state, then ``entry`` of the new one, and ends with an event on the bus:
    ``EVT_CHAIN_DONE``, or ``EVT_CHAIN_FAIL`` if a step raised. Events of a visit that is over move
    nothing.

    >>> from theus import BaseSystemContext, TheusEngine, process
    >>> @process(inputs=[], outputs=[])
    ... def soak(ctx):
    ...     print("soaking")
    >>> engine = TheusEngine(BaseSystemContext(None, None))
    >>> engine.register_process("soak", soak)
    >>> with WorkflowManager(engine) as manager:
    ...     manager.load_workflow({"states": {
    ...         "IDLE": {"on": {"CMD_WATER": "WET"}},
    ...         "WET": {"entry": "soak", "on": {"EVT_CHAIN_DONE": "IDLE"}},
    ...     }})
    ...     manager.process_signal("CMD_WATER")
    ...     manager.bus.get() == "EVT_CHAIN_DONE"
    soaking
    True
    """

    def __init__(
        self, engine: IEngine, scheduler: IScheduler | None = None, bus: SignalBus | None = None
    ) -> None:
        self.engine = engine
        self.bus = SignalBus() if bus is None else bus
        self._own = ThreadExecutor() if scheduler is None else None
        self.scheduler: IScheduler = scheduler if scheduler is not None else self._own_executor()
        self._fsm: StateMachine | None = None
        self._lock = threading.RLock()  # protects what follows
        self._visit = 0
        self._chains: set[Chain] = set()
        self._alarms = Alarms()
        self._newest: dict[Way, Signal] = {}
        self._loop: threading.Thread | None = None
        self._over = threading.Condition(self._lock)  # the loop has ended
        self._stopped = self._started = self._closed = False
        self._hears = self._hear  # one object, so that the engine can forget it
        if isinstance(engine, TheusEngine):
            engine._employ(self)
            engine._on_signal(self._hears)

    def _own_executor(self) -> ThreadExecutor:
        assert self._own is not None
        return self._own

    @property
    def fsm(self) -> StateMachine:
        """The machine. Raises RuntimeError before ``load_workflow``."""
        if self._fsm is None:
            raise RuntimeError("no machine is loaded; call load_workflow first")
        return self._fsm

    def load_workflow(self, workflow_def: Definition, start_state: str | None = None) -> None:
        """Check a definition and put its machine in charge, in place of the one before.

        Its processes must be registered. Nothing of it runs yet.

        Raises:
            ConfigError: the definition is malformed; the text lists every problem with its place.
            FileNotFoundError: there is no such file.
        """
        machine = StateMachine(workflow_def, start_state, engine=self.engine)
        if isinstance(self.engine, TheusEngine):
            for state in machine.states.values():
                for program in state.programs:
                    if not program.plain:  # branches that conflict, files that are called
                        self.engine._flux.load_part(program)
        with self._lock:
            self._refuse_closed()
            self._leave()
            self._fsm = machine
            self._started = False

    def start(self) -> None:
        """Enter the state to begin with: its timers start, its entry runs. Once per machine.

        ``run_workflow`` does it; a loop of your own may.
        """
        with self._lock:
            self._refuse_closed()
            machine = self.fsm
            if not self._started and not machine.history:
                self._enter(None, machine.states[machine.current_state], None)
            self._started = True

    def process_signal(self, signal: object) -> None:
        """Take one event: move the machine if it leads somewhere, and submit what is to run.

        It returns at once and does not wait for any process, but where the event has a condition,
        which is evaluated here. What is no event of the current state changes nothing, nor does
        None.

        Raises what a condition raises; the machine has not moved then.
        """
        if signal is None:
            return
        with self._lock:
            self._refuse_closed()
            machine = self.fsm
            if isinstance(signal, Completion) and signal.visit != self._visit:
                _log.debug("%s of an earlier %s moves nothing", signal, signal.state)
                return
            made = machine._advance(signal)
            mark = signal if isinstance(signal, Signal) else None
            if made is not None:
                self._enter(machine.states[made.source], machine.states[made.target], mark)
            elif mark is not None:
                self._submit(Chain(self._visit, machine.current_state), _NOTHING, _NOTHING, mark)

    def run_workflow(self, workflow_name: str = "", context: Any = None) -> None:
        """Take events from the bus until ``stop()``; enter the state to begin with, if nothing ran.

        Args:
            workflow_name: for the log; the machine is that of ``load_workflow``.
            context: kept for older programs; processes get that of the engine.

        What a condition raises is logged, and the loop goes on. Raises RuntimeError if no machine
        is loaded, if another thread runs this loop, or on the thread of an event loop.
        """
        _refuse_in_event_loop()
        with self._lock:
            self._refuse_closed()
            name = workflow_name or self.fsm.name
            if self._loop is not None:
                raise RuntimeError("another thread runs this workflow; one manager has one loop")
            self._loop = threading.current_thread()
        try:
            self.start()
            _log.info("%s runs, in %s", name, self.fsm.current_state)
            while not self._stopped:
                self._take(self.bus.get(), name)
        finally:
            with self._lock:
                self._loop = None
                self._stopped = False
                self._over.notify_all()
            _log.info("%s stopped", name)

    def _take(self, signal: object, name: str) -> None:
        """One turn of the loop. What arrives after ``stop`` is told, since nobody acts on it."""
        if self._stopped:
            if signal is not None:
                _log.info("%s stopped before %s", name, signal)
            return
        try:
            self.process_signal(signal)
        except Exception:
            _log.exception("%s: %s could not be decided; the machine stays", name, signal)

    def stop(self) -> None:
        """End ``run_workflow`` after the event it is at. Does not wait; any thread may call it."""
        with self._lock:
            if self._loop is not None and not self._stopped:
                self._stopped = True
                self.bus.emit(None)  # wakes it

    def close(self, *, cancel: bool = False, timeout: float | None = None) -> None:
        """Stop, wait for what runs, and join the threads. Closing twice is allowed.

        Args:
            cancel: let no further step of a chain begin; without it chains run to their end. A
                process that runs is never interrupted.
            timeout: seconds to wait at most; None waits as long as it takes.

        Raises TimeoutError, naming what still runs; the manager is closed all the same. Called from
        one of its own processes it does not wait for that one.
        """
        with self._lock:
            self.stop()
            self._closed = True
            if cancel:
                for chain in self._chains:
                    chain.cancel()
            timers = self._alarms.clear()
        if isinstance(self.engine, TheusEngine):
            self.engine._off_signal(self._hears)
            self.engine._dismiss(self)
        end = None if timeout is None else time.monotonic() + timeout
        running = self._wait(end)
        for timer in timers:
            if timer is not threading.current_thread():
                timer.join(_left(end))
        if self._own is not None:
            self._own.shutdown(wait=not running and not self._inside())
        if running:
            raise TimeoutError(
                f"{running} still runs; the manager is closed and does not wait for it"
            )

    def _wait(self, end: float | None) -> str:
        """Wait for the loop and for every chain; what still runs at the end, or ``""``."""
        here = threading.get_ident()
        with self._lock:
            if self._loop is not None and self._loop is not threading.current_thread():
                self._over.wait_for(lambda: self._loop is None, _left(end))
                if self._loop is not None:
                    return "run_workflow"
        while True:
            with self._lock:
                others = [chain for chain in self._chains if chain.thread != here]
            if not others:
                return ""
            if not others[0].ended.wait(_left(end)):
                return f"{others[0].running!r} of the state {others[0].state!r}"

    def _inside(self) -> bool:
        """Whether this thread runs one of its chains."""
        with self._lock:
            return any(chain.thread == threading.get_ident() for chain in self._chains)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RuntimeError("this manager was closed; make another one")

    # ---- states --------------------------------------------------------------------------------

    def _leave(self) -> list[Chain]:
        """End the visit that is going on, and tell which of its chains still run."""
        self._alarms.clear()
        over = [chain for chain in self._chains if chain.visit == self._visit]
        for chain in over:
            chain.cancel()
        self._visit += 1
        return over

    def _enter(self, old: State | None, new: State, signal: Signal | None) -> None:
        over = self._leave()
        visit = self._visit
        self._alarms.set(
            new.after, lambda event: self.bus.emit(Completion.of(event, visit, new.name))
        )
        exits = _NOTHING if old is None else old.programs[1]
        entry = new.programs[0]
        if not (exits.steps or entry.steps or signal):
            return
        chain = Chain(visit, new.name)
        if exits.steps and over:  # on_exit comes after the process that runs, not beside it
            self._chains.add(chain)
            waiting = len(over)
            lock = threading.Lock()

            def one_less() -> None:
                nonlocal waiting
                with lock:
                    waiting -= 1
                    if waiting:
                        return
                self._submit(chain, exits, entry, signal)

            for each in over:
                each.afterwards(one_less)
        else:
            self._submit(chain, exits, entry, signal)

    def _submit(self, chain: Chain, exits: Program, entry: Program, signal: Signal | None) -> None:
        says = bool(exits.steps or entry.steps)
        with self._lock:
            self._chains.add(chain)
        try:
            job = self.scheduler.submit(self._run, chain, exits, entry, signal)
        except Exception as error:  # whatever a scheduler of yours raises: the chain must end
            _log.exception("%s cannot run: the scheduler takes no more work", chain.state)
            self._finish(chain, FAIL if says else None, error)
            return
        if hasattr(job, "add_done_callback"):
            job.add_done_callback(lambda done: self._gone(chain, done, says))

    def _gone(self, chain: Chain, job: Any, said: bool) -> None:
        """A job that a scheduler dropped before it began ends its chain too."""
        if job.cancelled():
            self._finish(chain, FAIL if said else None, None)

    def _run(
        self,
        chain: Chain,
        exits: Program,
        entry: Program,
        signal: Signal | None,
    ) -> None:
        """The job of a visit."""
        chain.thread = threading.get_ident()
        outcome: str | None = FAIL
        error: BaseException | None = None
        try:
            if signal is not None:
                self._consume(signal)
            chain.run(self.engine, exits, certain=True)
            if chain.run(self.engine, entry, certain=False):
                outcome = DONE if entry.steps else None
        except Exception as raised:
            error = raised
            _log.error("%s: %s failed", chain.state, chain.running, exc_info=True)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._finish(chain, outcome, error)

    def _finish(self, chain: Chain, outcome: str | None, error: BaseException | None) -> None:
        if chain.ended.is_set():
            return
        if outcome is not None:
            self.bus.emit(Completion.of(outcome, chain.visit, chain.state, error))
        with self._lock:
            self._chains.discard(chain)
        chain.end()

    # ---- signals -------------------------------------------------------------------------------

    def _hear(self, commit: _kernel.Commit) -> None:
        """A commit wrote signals. Called by the engine, in the order of commits."""
        for signal in signals_of(commit):
            self._newest[signal.way] = signal
            self.bus.emit(signal)

    def _consume(self, signal: Signal) -> None:
        """Put the field to rest, unless it has spoken again since.

        What goes wrong is logged: the event was taken, and the machine goes on with it.
        """
        assert isinstance(self.engine, TheusEngine)
        for _ in range(_ATTEMPTS):
            if self._newest.get(signal.way) is not signal:
                return
            try:
                reset(self.engine.edit, signal)
            except TransactionConflictError:
                continue  # somebody wrote it meanwhile: it may have spoken again
            except EngineClosedError:
                _log.debug("the engine was closed before %s was reset", signal.path)
            except Exception:
                _log.exception("%s could not be reset", signal.path)
            return
        _log.error("%s could not be reset: others write it all the time", signal.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(cancel=kind is not None)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the machine, with the current state marked."""
        return self.fsm._repr_mimebundle_()

    def _draw(self) -> Picture:
        return self.fsm._draw()


def _refuse_in_event_loop() -> None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        raise RuntimeError(
            "run_workflow would stop the event loop of this thread; write"
            " await asyncio.to_thread(manager.run_workflow), or hand events to process_signal"
        )


def _left(end: float | None) -> float | None:
    return None if end is None else max(0.0, end - time.monotonic())
