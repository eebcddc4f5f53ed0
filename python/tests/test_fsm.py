"""State machines: what a definition may say, how they move, what runs, how they end."""

import asyncio
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from conftest import System

from theus import ConfigError, TheusEngine, TransactionConflictError, process
from theus.interfaces import IEngine, IOrchestrator, IScheduler
from theus.orchestrator import (
    Completion,
    SignalBus,
    StateMachine,
    ThreadExecutor,
    WorkflowManager,
)

SCRIPT = Path(__file__).parents[2] / "core/fsm/testdata/load.txt"
LONG = 60.0  # seconds that nothing takes; what waits so long has failed

WATERING = {
    "initial": "DRY",
    "states": {
        "DRY": {"on": {"CMD_WATER": "WATERING"}},
        "WATERING": {
            "entry": ["open_valve", "soak", "close_valve"],
            "events": {"EVT_CHAIN_DONE": "DRY", "EVT_CHAIN_FAIL": "ALARM"},
        },
        "ALARM": {"process": "notify", "transitions": {"EVT_CHAIN_DONE": "DRY"}},
    },
}


class Plant:
    """An engine whose processes note that they ran, wait where they are told to, or fail."""

    def __init__(self, *names: str) -> None:
        self.engine = TheusEngine(System(), strict_mode=True)
        self.ran: list[str] = []
        self.begun: dict[str, threading.Event] = {}
        self.gates: dict[str, threading.Event] = {}
        self.failing: dict[str, BaseException] = {}
        self.threads: set[int] = set()
        self.managers: list[WorkflowManager] = []
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Register a process."""
        self.begun[name] = threading.Event()

        @process(inputs=[], outputs=["domain.history"], errors=["ValueError", "SystemExit"])
        def body(ctx: Any) -> None:
            self.threads.add(threading.get_ident())
            self.begun[name].set()
            if name in self.gates:
                assert self.gates[name].wait(LONG)
            self.ran.append(name)
            if name in self.failing:
                raise self.failing[name]

        self.engine.register_process(name, body)

    def hold(self, name: str) -> threading.Event:
        """Let a process wait until the event is set."""
        return self.gates.setdefault(name, threading.Event())

    def manager(self, definition: Any, **options: Any) -> WorkflowManager:
        """A manager with a machine."""
        manager = WorkflowManager(self.engine, **options)
        self.managers.append(manager)
        manager.load_workflow(definition)
        return manager


@pytest.fixture
def plant(caplog: pytest.LogCaptureFixture) -> Iterator[Plant]:
    """A plant whose engine is closed after the test, with nothing left running."""
    before = set(threading.enumerate())
    made = Plant("open_valve", "soak", "close_valve", "notify")
    yield made
    for gate in made.gates.values():
        gate.set()
    for manager in made.managers:
        manager.close(timeout=LONG)
    made.engine.close()
    made.failing.clear()  # errors keep the frames they went through, and with them runs of Flux
    caplog.get_records("call").clear()
    left = {each for each in set(threading.enumerate()) - before if each.name.startswith("theus-")}
    assert left == set()


def take(manager: WorkflowManager) -> Any:
    """The next event of the bus."""
    event = manager.bus.get(timeout=LONG)
    assert event is not None
    return event


# ---- definitions --------------------------------------------------------------------------------


def cases() -> Iterator[tuple[str, str, str, str]]:
    """(directive, start, input, output) of the script of core/fsm."""
    for part in re.split(r"\n\n(?=(?:#|load|dict))", SCRIPT.read_text()):
        lines = [line for line in part.splitlines() if not line.startswith("#")]
        text = "\n".join(lines).strip("\n")
        if text:
            head, _, rest = text.partition("\n")
            given, _, output = ("\n" + rest).partition("\n----\n")
            yield head.split()[0], head.partition("start=")[2], given.lstrip("\n"), output


def shown(machine: StateMachine) -> str:
    """A machine as the script prints it."""
    lines = []
    for name, state in machine.states.items():
        lines.append(name + (" (start)" if name == machine.current_state else ""))
        lines += [f"  entry {spelled(step)}" for step in state.entry]
        lines += [f"  on_exit {spelled(step)}" for step in state.on_exit]
        lines += [
            f"  {event} -> {move.target}" + (f" when {move.when}" if move.when else "")
            for event, moves in state.on.items()
            for move in moves
        ]
        lines += [f"  after {timer.seconds:g} s {timer.event}" for timer in state.after]
    return "\n".join(lines)


def spelled(step: Any) -> str:
    """A step as Go spells it."""
    return json.dumps(step, separators=(",", ":")).replace("<", "\\u003c")


@pytest.mark.parametrize("case", list(cases()), ids=[str(n) for n in range(len(list(cases())))])
def test_definitions(
    case: tuple[str, str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: the script of core/fsm holds through the extension; all problems have their places."""
    directive, start, given, output = case
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text(given)
    definition = json.loads(given) if directive == "dict" else "m.yaml"
    engine = TheusEngine(System(), strict_mode=True)
    for name in ("open_valve", "soak", "close_valve", "notify"):
        engine.register_process(name, take_litres)
    if not output.startswith("Invalid"):
        assert shown(StateMachine(definition, start or None, engine=engine)) == output
        return
    with pytest.raises(ConfigError) as caught:
        StateMachine(definition, start or None, engine=engine)
    assert caught.value.args[0] == output.replace("machine: ", "state machine: ")
    assert caught.value.code == "THEUS-G001"


@process(inputs=[], outputs=[])
def take_litres(ctx: Any, litres: int = 1) -> None:
    """What every process of the script takes."""


class Foreign(IEngine):
    """An engine of somebody else's: it runs nothing, and knows one process."""

    def register_process(self, name: str, func: Callable[..., Any]) -> None:
        """It takes none."""

    def execute_process(self, process_name: str, /, **kwargs: Any) -> Any:
        """It runs none."""

    def get_process(self, name: str, /) -> Callable[..., Any]:
        """Only soak is one."""
        if name != "soak":
            raise KeyError(name)
        return take_litres


def test_an_engine_of_somebody_elses() -> None:
    """Law: any IEngine will do: it is asked for the processes that a definition names."""
    states: dict[str, Any] = {"IDLE": {"entry": [{"process": "soak", "args": {"litres": 2}}]}}
    assert StateMachine({"states": states}, engine=Foreign()).current_state == "IDLE"
    with pytest.raises(ConfigError, match='no process "notify"'):
        StateMachine({"states": {"IDLE": {"entry": "notify"}}}, engine=Foreign())
    states["IDLE"]["entry"][0]["args"] = {"litre": 2}
    with pytest.raises(ConfigError, match='no argument "litre"; did you mean "litres"'):
        StateMachine({"states": states}, engine=Foreign())


def test_a_process_must_be_registered_first(plant: Plant) -> None:
    """Law: load_workflow checks the names of processes against the engine, and says the nearest."""
    manager = WorkflowManager(plant.engine)
    with pytest.raises(ConfigError, match=r'no process "sok"; did you mean "soak"\?'):
        manager.load_workflow({"states": {"IDLE": {"entry": ["sok"]}}})
    with pytest.raises(RuntimeError, match="load_workflow"):
        manager.process_signal("X")


@pytest.mark.parametrize("bad", [5, None, b"states: {}", [1], {"states": {"IDLE": {object()}}}])
def test_what_is_no_definition(bad: Any) -> None:
    """Law: what is no dict, file or text is a ConfigError."""
    with pytest.raises(ConfigError):
        StateMachine(bad)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Law: a path leads to a file, or to FileNotFoundError."""
    with pytest.raises(FileNotFoundError):
        StateMachine(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        StateMachine(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("given", "argument", "start"),
    [
        ({"initial": "READY"}, None, "READY"),
        ({"initial_state": "READY"}, None, "READY"),
        ({"start_state": "READY"}, None, "READY"),
        ({}, None, "IDLE"),
        ({"initial": "READY"}, "IDLE", "IDLE"),
    ],
)
def test_the_start_is_honoured(given: dict[str, str], argument: str | None, start: str) -> None:
    """W16: the start is the argument, else that of the definition, else IDLE."""
    states = {"READY": {"on": {"GO": "IDLE"}}, "IDLE": {"on": {"GO": "READY"}}}
    assert StateMachine({**given, "states": states}, argument).current_state == start


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ({"initial": "NONE", "states": {"A": {}}}, 'the start is "NONE"'),
        ({"states": {"A": {}}}, "there is no start"),
        ({"initial": "A", "states": {"A": {"on": {"GO": "B"}}}}, '"A" leads to "B"'),
        ({"initial": "A", "states": {"A": {}, "B": {}}}, 'to the state "B"'),
    ],
)
def test_what_is_nowhere_is_an_error(definition: dict[str, Any], problem: str) -> None:
    """W16: a missing start, an unknown target and an unreachable state are errors at load."""
    with pytest.raises(ConfigError, match=problem):
        StateMachine(definition)


@pytest.mark.parametrize("key", ["on", "events", "transitions", True])
def test_every_spelling_of_on(key: object) -> None:
    """W10: on, events, transitions and the True of YAML 1.1 mean the same."""
    machine = StateMachine({"states": {"IDLE": {key: {"GO": "BUSY"}}, "BUSY": {}}})
    assert machine.trigger("GO") == []
    assert machine.current_state == machine.get_current_state() == "BUSY"


def test_other_keys_are_errors() -> None:
    """W10: a key that means nothing is an error, with the nearest one that does."""
    with pytest.raises(ConfigError, match='no key "onn"; did you mean "on"'):
        StateMachine({"states": {"IDLE": {"onn": {"GO": "IDLE"}}}})


@pytest.mark.parametrize("text", ["on: {GO: BUSY}", '"on": {GO: BUSY}', "'on': {GO: BUSY}"])
def test_on_in_a_file(text: str) -> None:
    """W10: in YAML the key on is a text, with quotation marks and without."""
    machine = StateMachine(f"states:\n  IDLE: {{{text}}}\n  BUSY: {{}}\n")
    machine.trigger("GO")
    assert machine.current_state == "BUSY"


# ---- moving -------------------------------------------------------------------------------------


def test_an_event_moves_or_changes_nothing() -> None:
    """Law: an event gives the entry of the new state; one that the state does not know gives []."""
    machine = StateMachine(WATERING)
    for nothing in (None, "EVT_CHAIN_DONE", 5, "", object()):
        assert machine.trigger(nothing) == []
        assert machine.current_state == "DRY"
    assert machine.trigger("CMD_WATER") == ["open_valve", "soak", "close_valve"]
    assert machine.trigger("EVT_CHAIN_FAIL") == ["notify"]
    assert machine.trigger("EVT_CHAIN_DONE") == []
    assert machine.current_state == "DRY"
    assert [(t.number, t.source, t.event, t.target) for t in machine.history] == [
        (1, "DRY", "CMD_WATER", "WATERING"),
        (2, "WATERING", "EVT_CHAIN_FAIL", "ALARM"),
        (3, "ALARM", "EVT_CHAIN_DONE", "DRY"),
    ]
    assert machine.context_data == {}


def test_history_is_bounded() -> None:
    """Law: as many transitions are kept as were asked for, the newest."""
    machine = StateMachine({"states": {"IDLE": {"on": {"GO": "IDLE"}}}}, history=3)
    for _ in range(5):
        machine.trigger("GO")
    assert [each.number for each in machine.history] == [3, 4, 5]


def test_many_threads_move_one_machine() -> None:
    """Law: one event is decided after the other: no transition is lost, none is made twice."""
    states = {f"S{i}": {"on": {"GO": f"S{(i + 1) % 7}"}} for i in range(7)}
    machine = StateMachine({"initial": "S0", "states": states}, history=10_000)
    workers = [
        threading.Thread(target=lambda: [machine.trigger("GO") for _ in range(500)])
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(machine.history) == 4000
    assert machine.current_state == f"S{4000 % 7}"
    for before, after in zip(machine.history, machine.history[1:], strict=False):
        assert before.target == after.source


def test_a_guard_needs_somebody_to_evaluate_it() -> None:
    """Law: without an engine a condition is an error, never taken for false."""
    machine = StateMachine({"states": {"IDLE": {"on": {"GO": {"target": "IDLE", "when": "1"}}}}})
    with pytest.raises(ConfigError, match="nobody can evaluate '1'"):
        machine.trigger("GO")
    assert machine.history == ()


# ---- the bus and the threads --------------------------------------------------------------------


@pytest.mark.parametrize("burst", [0, 1, 99, 100, 101, 20_000])
def test_the_bus_keeps_everything(burst: int) -> None:
    """W5: the bus is unbounded and loses nothing, in order, and tells how much it holds."""
    bus = SignalBus()
    for number in range(burst):
        bus.emit(number)
    assert bus.qsize() == burst
    assert [bus.get(block=False) for _ in range(burst)] == list(range(burst))
    assert bus.empty()
    assert bus.get(block=False) is None
    assert bus.get(timeout=0.001) is None


def test_two_producers_lose_nothing() -> None:
    """W5: under load from two threads each item arrives once, those of each producer in order."""
    bus, each = SignalBus(), 50_000

    def produce(mark: int) -> None:
        for number in range(each):
            bus.emit((mark, number))

    producers = [threading.Thread(target=produce, args=(mark,)) for mark in (0, 1)]
    for producer in producers:
        producer.start()
    got = [bus.get(timeout=LONG) for _ in range(2 * each)]
    for producer in producers:
        producer.join()
    for mark in (0, 1):
        assert [number for who, number in got if who == mark] == list(range(each))
    assert bus.empty()


def test_executor() -> None:
    """Law: submit gives a future; shutdown joins the threads and refuses more."""
    executor = ThreadExecutor(max_workers=1)
    future = executor.submit(lambda a, b: a + b, 1, b=2)
    assert isinstance(future, Future)
    assert future.result(LONG) == 3
    threads = [each for each in threading.enumerate() if each.name.startswith("theus-state")]
    executor.shutdown(wait=True)
    assert not any(each.is_alive() for each in threads)
    with pytest.raises(RuntimeError):
        executor.submit(print)


def test_interfaces() -> None:
    """Law: what theus provides is an instance of the bases that programs build on."""
    assert issubclass(ThreadExecutor, IScheduler)
    assert issubclass(WorkflowManager, IOrchestrator)


# ---- chains -------------------------------------------------------------------------------------


def test_a_chain_runs_and_ends_in_an_event(plant: Plant) -> None:
    """Law: the entry runs in order, outside the calling thread, and ends in EVT_CHAIN_DONE."""
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")
    done = take(manager)
    assert done == "EVT_CHAIN_DONE"
    assert {done: 1}["EVT_CHAIN_DONE"] == 1
    assert plant.ran == ["open_valve", "soak", "close_valve"]
    assert threading.get_ident() not in plant.threads
    manager.process_signal(done)
    assert manager.fsm.current_state == "DRY"
    manager.close()
    assert manager.bus.empty()


def test_process_signal_does_not_wait(plant: Plant) -> None:
    """Law: process_signal returns while the process it started still runs."""
    gate = plant.hold("open_valve")
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")  # returns, though nothing has opened the gate
    assert plant.begun["open_valve"].wait(LONG)
    assert plant.ran == []
    assert manager.bus.empty()
    gate.set()
    assert take(manager) == "EVT_CHAIN_DONE"


def test_none_is_silent(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    """Law: the None of a get that timed out, and events of no meaning, change and say nothing."""
    manager = plant.manager(WATERING)
    with caplog.at_level(logging.INFO):
        for nothing in (None, "NEVER", 5):
            manager.process_signal(nothing)
    assert caplog.records == []
    assert manager.fsm.current_state == "DRY"


def test_a_failure_ends_the_chain(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    """Law: the first step that raises ends the chain in EVT_CHAIN_FAIL, which carries the error."""
    plant.failing["soak"] = ValueError("dry")
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")
    failed = take(manager)
    assert failed == "EVT_CHAIN_FAIL"
    assert isinstance(failed.error, ValueError)
    assert failed.state == "WATERING"
    assert plant.ran == ["open_valve", "soak"]
    manager.process_signal(failed)
    assert take(manager) == "EVT_CHAIN_DONE"
    assert plant.ran[-1] == "notify"
    (record,) = [each for each in caplog.records if each.name == "WorkflowManager"]
    assert "WATERING: soak failed" in record.message


def test_an_exit_ends_the_chain_too(plant: Plant) -> None:
    """Law: whatever a step raises, the chain ends in an event: nobody waits for ever."""
    plant.failing["soak"] = SystemExit(3)
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")
    assert take(manager) == "EVT_CHAIN_FAIL"


def test_a_stale_completion_moves_nothing(plant: Plant) -> None:
    """W9: slow chain, reset, fast chain: the end of the slow one does not move the machine."""
    plant.add("fast")
    machine = {
        "states": {
            "IDLE": {"on": {"SLOW": "SLOW", "FAST": "FAST"}},
            "SLOW": {"entry": ["soak", "notify"], "on": {"RESET": "IDLE", "EVT_CHAIN_DONE": "BAD"}},
            "FAST": {"entry": "fast", "on": {"EVT_CHAIN_DONE": "GOOD", "EVT_CHAIN_FAIL": "BAD"}},
            "GOOD": {"on": {"EVT_CHAIN_FAIL": "BAD", "EVT_CHAIN_DONE": "BAD"}},
            "BAD": {},
        }
    }
    gate = plant.hold("soak")
    held = plant.hold("fast")
    manager = plant.manager(machine)
    manager.process_signal("SLOW")
    assert plant.begun["soak"].wait(LONG)
    manager.process_signal("RESET")
    manager.process_signal("FAST")
    gate.set()
    stale = take(manager)  # of the slow chain, which stopped before its second step
    assert stale == "EVT_CHAIN_FAIL"
    manager.process_signal(stale)
    assert manager.fsm.current_state == "FAST"
    held.set()
    done = take(manager)
    manager.process_signal(done)
    assert manager.fsm.current_state == "GOOD"
    manager.process_signal(done)
    assert manager.fsm.current_state == "GOOD"
    assert "notify" not in plant.ran
    manager.process_signal("EVT_CHAIN_DONE")  # of nobody's chain: an event like any other
    assert manager.fsm.current_state == "BAD"


def test_on_exit_runs_between(plant: Plant) -> None:
    """Law: on_exit of the old state runs after what ran there, and before the entry of the new."""
    machine = {
        "states": {
            "IDLE": {"on": {"GO": "BUSY"}},
            "BUSY": {
                "entry": ["open_valve", "soak"],
                "on_exit": "close_valve",
                "on": {"OUT": "END"},
            },
            "END": {"entry": "notify"},
        }
    }
    gate = plant.hold("open_valve")
    manager = plant.manager(machine)
    manager.process_signal("GO")
    assert plant.begun["open_valve"].wait(LONG)
    manager.process_signal("OUT")
    assert plant.ran == []
    gate.set()
    assert [take(manager), take(manager)] == ["EVT_CHAIN_FAIL", "EVT_CHAIN_DONE"]
    assert plant.ran == ["open_valve", "close_valve", "notify"]


def test_on_exit_that_fails(plant: Plant) -> None:
    """Law: if on_exit fails the entry does not run, and the chain of the new state has failed."""
    plant.failing["close_valve"] = ValueError("stuck")
    machine = {
        "states": {
            "IDLE": {"on_exit": "close_valve", "on": {"GO": "END"}},
            "END": {"entry": "notify"},
        }
    }
    manager = plant.manager(machine)
    manager.process_signal("GO")
    assert take(manager) == "EVT_CHAIN_FAIL"
    assert plant.ran == ["close_valve"]


def test_timers(plant: Plant) -> None:
    """Law: a timer emits its event while its state lasts; one of a state that was left does not."""
    machine = {
        "states": {
            "IDLE": {"on": {"GO": "WAIT"}},
            "WAIT": {
                "after": ["1ms -> LATE", "1h -> NEVER"],
                "on": {"LATE": "DONE", "NEVER": "IDLE"},
            },
            "DONE": {"on": {"LATE": "IDLE"}},
        }
    }
    manager = plant.manager(machine)
    manager.process_signal("GO")
    late = take(manager)
    assert late == "LATE"
    manager.process_signal(late)
    assert manager.fsm.current_state == "DONE"
    manager.process_signal(late)  # of a visit that is over
    assert manager.fsm.current_state == "DONE"
    manager.close()  # joins the timer of an hour, which was stopped


def test_training_mode(plant: Plant) -> None:
    """Law: in training mode states run processes all the same, on the raw context."""
    with TheusEngine(System(), strict_mode=False) as engine:
        engine.register_process("deposit", deposit)
        manager = WorkflowManager(engine)
        manager.load_workflow(
            {"states": {"IDLE": {"on": {"GO": "BUSY"}}, "BUSY": {"entry": "deposit"}}}
        )
        manager.process_signal("GO")
        assert take(manager) == "EVT_CHAIN_DONE"
        manager.close()
        assert engine.ctx.domain_ctx.balance == 101


# ---- the loop -----------------------------------------------------------------------------------


def running(manager: WorkflowManager) -> threading.Thread:
    """A thread in run_workflow."""
    thread = threading.Thread(target=manager.run_workflow, args=("watering", None))
    thread.start()
    return thread


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that others do."""
    tick = threading.Event()
    for _ in range(int(LONG / 0.01)):
        if reached():
            return
        tick.wait(0.01)
    raise AssertionError("it never came to that")


def test_the_loop_drives_the_machine(plant: Plant) -> None:
    """Law: run_workflow takes events until stop(), also one that comes while nothing happens."""
    manager = plant.manager(WATERING)
    thread = running(manager)
    for _ in range(3):
        count = len(manager.fsm.history)
        manager.bus.emit("CMD_WATER")
        until(lambda count=count: len(manager.fsm.history) == count + 2)  # type: ignore[misc]
    manager.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    assert plant.ran == ["open_valve", "soak", "close_valve"] * 3
    again = running(manager)  # what was stopped may run again
    manager.bus.emit("CMD_WATER")
    until(lambda: len(manager.fsm.history) == 8)
    manager.close()
    again.join(LONG)
    assert not again.is_alive()


def test_the_start_is_entered_once(plant: Plant) -> None:
    """Law: run_workflow enters the state to begin with: its entry runs and its timers start."""
    machine = {
        "initial": "UP",
        "states": {"UP": {"entry": "soak", "on": {"EVT_CHAIN_DONE": "ON"}}, "ON": {}},
    }
    manager = plant.manager(machine)
    thread = running(manager)
    until(lambda: manager.fsm.current_state == "ON")
    manager.start()
    manager.stop()
    thread.join(LONG)
    assert plant.ran == ["soak"]


def test_one_loop_at_a_time(plant: Plant) -> None:
    """Law: a second loop is refused; stop() without a loop is harmless."""
    manager = plant.manager(WATERING)
    manager.stop()
    assert manager.bus.empty()
    thread = running(manager)
    until(lambda: manager._loop is not None)
    with pytest.raises(RuntimeError, match="one loop"):
        manager.run_workflow("again", None)
    manager.close()
    thread.join(LONG)
    with pytest.raises(RuntimeError, match="closed"):
        manager.process_signal("CMD_WATER")
    manager.close()


def test_a_loop_of_asyncio_goes_on(plant: Plant) -> None:
    """C11: while a chain runs, a loop that hands it events goes on; it cannot be stopped by one."""
    gate = plant.hold("open_valve")
    manager = plant.manager(WATERING)

    async def program() -> int:
        with pytest.raises(RuntimeError, match="to_thread"):
            manager.run_workflow("watering", None)
        manager.process_signal("CMD_WATER")
        beats = 0
        while not plant.begun["open_valve"].is_set() or beats < 10:
            beats += 1
            await asyncio.sleep(0)
        assert manager.bus.empty()
        gate.set()
        loop = asyncio.create_task(asyncio.to_thread(manager.run_workflow))
        while manager.fsm.current_state != "DRY":
            await asyncio.sleep(0.001)
        manager.stop()
        await loop
        return beats

    assert asyncio.run(program()) >= 10


# ---- programs of Flux, and conditions -----------------------------------------------------------


def flux_machine(**state: Any) -> dict[str, Any]:
    """A machine that goes to BUSY, which is as given, and from there to DONE or FAILED."""
    on = {"EVT_CHAIN_DONE": "DONE", "EVT_CHAIN_FAIL": "FAILED", "RESET": "IDLE"}
    return {
        "states": {
            "IDLE": {"on": {"GO": "BUSY"}},
            "BUSY": {"on": on, **state},
            "DONE": {},
            "FAILED": {},
        }
    }


@process(inputs=[], outputs=["domain.balance"])
def deposit(ctx: Any, amount: int = 1) -> None:
    """Add to the balance."""
    ctx.domain.balance += amount


def test_an_entry_of_flux(plant: Plant) -> None:
    """Law: an entry is one program of Flux, with loops, arguments and errors that it catches."""
    plant.engine.register_process("deposit", deposit)
    entry = [
        "open_valve",
        {"process": "deposit", "args": {"amount": 10}},
        {"flux": "while", "condition": "domain.balance < 115", "do": ["deposit"]},
        {"flux": "try", "do": ["soak"], "catch": {"ValueError": ["notify"]}},
    ]
    plant.failing["soak"] = ValueError("dry")
    manager = plant.manager(flux_machine(entry=entry))
    manager.process_signal("GO")
    assert take(manager) == "EVT_CHAIN_DONE"
    assert plant.engine.ctx.domain_ctx.balance == 115
    assert plant.ran == ["open_valve", "soak", "notify"]


def test_leaving_a_state_cancels_its_program(plant: Plant) -> None:
    """W8: a program of Flux is cancelled when its state is left: no further step of it begins."""
    gate = plant.hold("soak")
    forever = {"flux": "while", "condition": "True", "do": ["open_valve", "soak"]}
    entry = [{"flux": "try", "do": [forever], "finally": ["close_valve"]}]
    manager = plant.manager(flux_machine(entry=entry))
    manager.process_signal("GO")
    assert plant.begun["soak"].wait(LONG)
    manager.process_signal("RESET")
    gate.set()
    assert take(manager) == "EVT_CHAIN_FAIL"
    assert plant.ran == ["open_valve", "soak", "close_valve"]
    assert manager.fsm.current_state == "IDLE"


def test_a_program_without_end_is_closed(plant: Plant) -> None:
    """W8: closing an engine ends a program that would run for ever, and does not hang."""
    forever = {"flux": "while", "condition": "True", "do": "soak"}
    manager = plant.manager(flux_machine(entry=[forever]))
    manager.process_signal("GO")
    assert plant.begun["soak"].wait(LONG)
    plant.engine.close()
    assert take(manager) == "EVT_CHAIN_FAIL"


def test_a_program_that_fails(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    """Law: what a program fails with ends the chain, unchanged; the log tells the step."""
    plant.failing["soak"] = ValueError("dry")
    manager = plant.manager(flux_machine(entry=[{"flux": "run", "steps": ["soak", "notify"]}]))
    manager.process_signal("GO")
    failed = take(manager)
    assert failed == "EVT_CHAIN_FAIL"
    assert failed.error is plant.failing["soak"]
    assert "BUSY: a program of Flux failed" in caplog.text
    assert "in the workflow, at state machine: states.BUSY.entry[0].steps[0]" in caplog.text
    assert plant.ran == ["soak"]


PLACES = """
states:
  IDLE: {on: {GO: BUSY, BEGIN: PLAIN}}
  BUSY:
    entry:
      - open_valve
      - flux: try
        do:
          - open_valve
        finally:
          - {flux: if, condition: "True", then: [notify, soak]}
    on: {BACK: IDLE}
  PLAIN:
    entry: [open_valve,
      soak]
    on_exit: soak
    on: {BACK: IDLE}
"""
BRANCH = {"flux": "if", "condition": "True", "then": ["notify", "soak"]}
PLACED: dict[str, Any] = {
    "states": {
        "IDLE": {"on": {"GO": "PLAIN.entry", "BEGIN": "PLAIN"}},
        "PLAIN.entry": {"entry": ["open_valve", BRANCH], "on": {"BACK": "IDLE"}},
        "PLAIN": {"entry": ["open_valve", "soak"], "on_exit": "soak", "on": {"BACK": "IDLE"}},
    }
}


@pytest.mark.parametrize("form", ["file", "dict"])
def test_a_failure_names_the_line(plant: Plant, tmp_path: Path, form: str) -> None:
    """Law: the error of an entry or an exit says where the step stands, to the column."""
    file = tmp_path / "plant.yaml"
    file.write_text(PLACES)
    manager = plant.manager(file if form == "file" else PLACED)
    notes = []
    for events in ["GO"], ["BACK", "BEGIN"], ["BACK"]:
        plant.failing["soak"] = ValueError("dry")
        for event in events:
            manager.process_signal(event)
        notes += take(manager).error.__notes__
    if form == "file":
        assert notes == [
            f"in the workflow, at {file}:11:58",
            f"in the state machine, at {file}:15:7",
            f"in the state machine, at {file}:16:14",
        ]
    else:
        assert notes == [
            "in the workflow, at state machine: states.PLAIN.entry.entry[1].then[1]",
            "in the state machine, at state machine: states.PLAIN.entry[1]",
            "in the state machine, at state machine: states.PLAIN.on_exit",
        ]


def test_an_entry_may_be_async(plant: Plant) -> None:
    """Law: a program with async processes has an event loop of its own, one for all its steps."""
    loops = []

    @process(inputs=[], outputs=["domain.balance"])
    async def ask(ctx: Any, amount: int = 1) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        ctx.domain.balance += amount

    plant.engine.register_process("ask", ask)
    for entry in (
        ["open_valve", "ask", "ask"],
        [
            {"process": "ask", "args": {"amount": 2}},
            {"flux": "parallel", "branches": ["ask", "notify"]},
        ],
    ):
        manager = plant.manager(flux_machine(entry=entry, on_exit="ask"))
        manager.process_signal("GO")
        assert take(manager) == "EVT_CHAIN_DONE"
        manager.process_signal("EVT_CHAIN_DONE")
        manager.close(timeout=LONG)
    assert plant.engine.ctx.domain_ctx.balance == 100 + 2 + 1 + 3 + 1
    assert [loops[0], loops[3]] == [loops[1], loops[4]]
    assert len({loop for loop in loops if loop.is_closed()}) == 4


def test_a_failing_async_entry(plant: Plant) -> None:
    """Law: what it raises ends the chain, unchanged, with its place; the machine goes on."""

    @process(inputs=[], outputs=["domain.balance"], errors=[ValueError])
    async def ask(ctx: Any) -> None:
        ctx.domain.balance = 0
        await asyncio.sleep(0)
        raise ValueError("no answer")

    plant.engine.register_process("ask", ask)
    manager = plant.manager(flux_machine(entry=["open_valve", "ask"]))
    manager.process_signal("GO")
    failed = take(manager)
    assert (failed, repr(failed.error)) == ("EVT_CHAIN_FAIL", "ValueError('no answer')")
    assert failed.error.__notes__ == ["in the workflow, at state machine: states.BUSY.entry[1]"]
    assert plant.engine.ctx.domain_ctx.balance == 100


def test_an_async_entry_in_a_thread_that_runs_a_loop(plant: Plant) -> None:
    """Law: a scheduler that runs programs on a loop is told what to do instead; nothing waits."""

    class OnTheLoop(IScheduler):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            asyncio.get_running_loop().call_soon(lambda: fn(*args, **kwargs))

        def shutdown(self, wait: bool = True) -> None:
            """There is nothing to end."""

    @process(inputs=[], outputs=[])
    async def ask(ctx: Any) -> None:
        await asyncio.sleep(0)

    plant.engine.register_process("ask", ask)

    async def program() -> Any:
        manager = plant.manager(flux_machine(entry="ask"), scheduler=OnTheLoop())
        manager.process_signal("GO")
        while manager.bus.empty():
            await asyncio.sleep(0)
        return manager.bus.get()

    failed = asyncio.run(program())
    assert failed == "EVT_CHAIN_FAIL"
    assert "such as ThreadExecutor" in str(failed.error)


def test_an_entry_is_checked_with_the_machine(plant: Plant, tmp_path: Path) -> None:
    """Law: branches that conflict and mistakes of called files are errors of the machine."""
    plant.engine.register_process("deposit", deposit)
    manager = WorkflowManager(plant.engine)
    both = {"flux": "parallel", "branches": [["deposit"], ["deposit"]]}
    with pytest.raises(ConfigError, match=r"states\.BUSY\.entry\[0\].*domain_ctx\.balance"):
        manager.load_workflow(flux_machine(entry=[both]))
    file = tmp_path / "plant.yaml"
    file.write_text(
        "states:\n  IDLE: {on: {GO: BUSY}}\n"
        "  BUSY:\n    entry: [{flux: call, workflow: steps.yaml}]\n"
    )
    (tmp_path / "steps.yaml").write_text("- opn_valve\n")
    with pytest.raises(ConfigError, match=r'steps\.yaml:1:3: there is no process "opn_valve"'):
        manager.load_workflow(file)
    (tmp_path / "steps.yaml").write_text("- open_valve\n")
    manager.load_workflow(file)
    manager.process_signal("GO")
    assert take(manager) == "EVT_CHAIN_DONE"
    assert plant.ran == ["open_valve"]
    manager.close()


def test_guards(plant: Plant) -> None:
    """Law: of the targets of an event the first counts whose condition holds now."""
    machine = {
        "states": {
            "IDLE": {
                "on": {
                    "GO": [
                        {"target": "POOR", "when": "domain.balance < 100"},
                        {"target": "RICH", "when": "domain.balance > 1000 and global.most"},
                    ],
                }
            },
            "POOR": {},
            "RICH": {},
        }
    }
    manager = plant.manager(machine)
    manager.process_signal("GO")
    assert manager.fsm.current_state == "IDLE"
    with plant.engine.edit() as ctx:
        ctx.domain.balance = 5000
    manager.process_signal("GO")
    assert manager.fsm.current_state == "RICH"


def test_a_guard_that_fails(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    """Law: an error of a condition is raised and moves nothing; the loop logs it and goes on."""
    guarded = {"target": "BAD", "when": "domain.missing > 1"}
    machine = {"states": {"IDLE": {"on": {"GO": guarded, "ON": "OK"}}, "BAD": {}, "OK": {}}}
    manager = plant.manager(machine)
    with pytest.raises(AttributeError):
        manager.process_signal("GO")
    assert manager.fsm.current_state == "IDLE"
    assert manager.fsm.history == ()
    thread = running(manager)
    manager.bus.emit("GO")
    manager.bus.emit("ON")
    until(lambda: manager.fsm.current_state == "OK")
    manager.stop()
    thread.join(LONG)
    assert "GO could not be decided" in caplog.text


# ---- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cancel", [False, True], ids=["drain", "cancel"])
def test_close_drains_or_cancels(plant: Plant, cancel: bool) -> None:
    """Law: close lets a chain run to its end, or begin no further step; then no thread is left."""
    gate = plant.hold("open_valve")
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")
    assert plant.begun["open_valve"].wait(LONG)
    closer = threading.Thread(target=manager.close, kwargs={"cancel": cancel})
    closer.start()
    until(lambda: manager._closed)
    gate.set()
    closer.join(LONG)
    assert not closer.is_alive()
    assert plant.ran == (["open_valve"] if cancel else ["open_valve", "soak", "close_valve"])
    assert take(manager) == ("EVT_CHAIN_FAIL" if cancel else "EVT_CHAIN_DONE")


def test_close_with_a_timeout_names_what_runs(plant: Plant) -> None:
    """Law: close never hangs: after its timeout it names the process that still runs."""
    plant.hold("open_valve")
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")
    assert plant.begun["open_valve"].wait(LONG)
    with pytest.raises(TimeoutError, match="'open_valve' of the state 'WATERING'"):
        manager.close(timeout=0.01)


def test_the_engine_owns_its_managers(plant: Plant) -> None:
    """M19: closing an engine cancels the work that was pending for it, and none outlives it."""
    gate = plant.hold("open_valve")
    manager = plant.manager(WATERING)
    thread = running(manager)
    manager.bus.emit("CMD_WATER")
    assert plant.begun["open_valve"].wait(LONG)
    closer = threading.Thread(target=plant.engine.close)
    closer.start()
    until(lambda: manager._closed)
    gate.set()
    closer.join(LONG)
    thread.join(LONG)
    assert not closer.is_alive()
    assert not thread.is_alive()
    assert plant.ran == ["open_valve"]


def test_an_engine_that_is_gone_left_nothing(plant: Plant) -> None:
    """M19: another engine with the same names has nothing of what the first one had running."""
    first = plant.manager(WATERING)
    first.close()
    second = plant.manager(WATERING)
    second.process_signal("CMD_WATER")
    assert take(second) == "EVT_CHAIN_DONE"
    assert first.bus.empty()
    assert first.fsm.current_state == "DRY"


def test_closing_from_inside(plant: Plant) -> None:
    """Law: a process may close its own manager, which does not wait for that process."""

    @process(inputs=[], outputs=[])
    def quit_it(ctx: Any) -> None:
        manager.close(cancel=True)

    plant.engine.register_process("quit_it", quit_it)
    manager = plant.manager({"states": {"IDLE": {"on": {"GO": "IDLE"}, "entry": "quit_it"}}})
    manager.process_signal("GO")
    assert take(manager) == "EVT_CHAIN_DONE"


def test_a_running_process_keeps_its_engine(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: an engine is not closed under a process; that is an error, as ever, and not a hang."""
    plant.hold("open_valve")
    manager = plant.manager(WATERING)
    manager.process_signal("CMD_WATER")
    assert plant.begun["open_valve"].wait(LONG)
    close = manager.close
    monkeypatch.setattr(manager, "close", lambda **how: close(**{**how, "timeout": 0.01}))
    with pytest.raises(TransactionConflictError):
        plant.engine.close()


class Dropping(IScheduler):
    """A scheduler that takes work and drops it, or refuses it."""

    def __init__(self, refuse: bool) -> None:
        self.refuse = refuse

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Give a future that is cancelled at once."""
        if self.refuse:
            raise RuntimeError("no more work")
        future: Future[None] = Future()
        future.cancel()
        return future

    def shutdown(self, wait: bool = True) -> None:
        """There is nothing to end."""


@pytest.mark.parametrize("refuse", [False, True], ids=["drops", "refuses"])
def test_a_scheduler_without_mercy(plant: Plant, refuse: bool) -> None:
    """Law: a chain that never ran has failed; nobody waits for it, and close does not hang."""
    manager = plant.manager(WATERING, scheduler=Dropping(refuse))
    manager.process_signal("CMD_WATER")
    failed = take(manager)
    assert isinstance(failed, Completion)
    assert failed == "EVT_CHAIN_FAIL"
    manager.close()
    assert plant.ran == []


class Inline(Dropping):
    """A scheduler that does the work at once, in the thread that submits."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return fn(*args, **kwargs)


def test_a_scheduler_of_ones_own(plant: Plant) -> None:
    """Law: any IScheduler will do; its answer need not be a future."""
    manager = plant.manager(WATERING, scheduler=Inline(False), bus=SignalBus())
    manager.process_signal("CMD_WATER")
    assert plant.threads == {threading.get_ident()}
    assert take(manager) == "EVT_CHAIN_DONE"
    manager.close()
