"""Workflows from Python: how they are given, checked, run, stepped, cancelled and followed."""

import gc
import logging
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from theus import (
    AuditInterlockError,
    BaseDomainContext,
    BaseSystemContext,
    ConfigError,
    ContractViolationError,
    FluxCancelledError,
    FluxLimitError,
    TheusEngine,
    UnknownProcessError,
    _kernel,
    process,
)
from theus.config import AuditRecipe, ProcessRecipe, RuleSpec


class Tank(BaseDomainContext):
    """State of the workflows of this file."""

    def __init__(self) -> None:
        self.level = 0
        self.queue = ["a", "b", "c"]
        self.log: list[Any] = []


@process(inputs=[], outputs=["domain.level"])
def fill(ctx: Any, litres: int = 1) -> None:
    """Adds to the level."""
    ctx.domain.level += litres


@process(inputs=[], outputs=["domain.queue", "domain.log"])
def take(ctx: Any) -> None:
    """Moves an entry from the queue to the log."""
    ctx.domain.log.append(ctx.domain.queue.pop(0))


@process(inputs=[], outputs=["domain.log"])
def note(ctx: Any, **what: Any) -> None:
    """Logs what it is called with."""
    ctx.domain.log.append(what)


@process(inputs=[], outputs=["domain.level"], errors=[ValueError])
def fail(ctx: Any, kind: str = "value") -> None:
    """Writes, and fails."""
    ctx.domain.level = 99
    raise {"value": ValueError, "key": KeyError, "interrupt": KeyboardInterrupt}[kind](kind)


PROCESSES = [fill, take, note, fail]


def make(strict: bool = True, **options: Any) -> TheusEngine[Any]:
    """An engine over a tank, with the processes of this file."""
    engine = TheusEngine(BaseSystemContext(None, Tank()), strict_mode=strict, **options)
    for each in PROCESSES:
        engine.register_process(each.__name__, each)
    return engine


@pytest.fixture(params=[True, False], ids=["strict", "training"])
def engine(request: pytest.FixtureRequest) -> Iterator[TheusEngine[Any]]:
    """An engine in each mode."""
    with make(request.param) as made:
        yield made


@pytest.fixture
def strict() -> Iterator[TheusEngine[Any]]:
    """An engine in strict mode."""
    with make() as made:
        yield made


# ---- how they are given --------------------------------------------------------------------------

WATERING = """
name: watering
steps:
  - flux: while
    condition: "len(domain.queue) > 0"
    do: [take, {process: fill, args: {litres: 3}}]
"""


def test_a_file_a_text_and_a_dict_are_one(engine: TheusEngine[Any], tmp_path: Path) -> None:
    """A workflow is a file, its text, or the same as a dict or a list; the context comes back."""
    file = tmp_path / "watering.yaml"
    file.write_text(WATERING, encoding="utf-8")
    loop = {"flux": "while", "condition": "domain.queue", "do": ["take", "fill"]}
    for level, given in (
        (9, str(file)), (18, file), (27, WATERING), (30, {"steps": [loop]}), (33, [loop]),
    ):  # fmt: skip
        with engine.edit() as ctx:
            ctx.domain.queue = ["x", "y", "z"]
        assert engine.execute_workflow(given) is engine.ctx
        assert engine.ctx.domain.level == level
        assert list(engine.ctx.domain.queue) == []


def test_a_missing_file_is_missing(engine: TheusEngine[Any], tmp_path: Path) -> None:
    """A file that is not there is a FileNotFoundError, one that is no text a ConfigError."""
    with pytest.raises(FileNotFoundError):
        engine.execute_workflow(tmp_path / "nothing.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        engine.execute_workflow(tmp_path / "bytes.yaml")


def test_called_files_stand_beside_their_caller(engine: TheusEngine[Any], tmp_path: Path) -> None:
    """A called file is looked for from where its caller stands, and called from there on."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "main.yaml").write_text("- {flux: call, workflow: deep/one.yaml}", encoding="utf-8")
    (tmp_path / "deep/one.yaml").write_text(
        "- fill\n- {flux: call, workflow: two.yaml}", encoding="utf-8"
    )
    (tmp_path / "deep/two.yaml").write_text("- fill", encoding="utf-8")
    engine.execute_workflow(tmp_path / "main.yaml")
    assert engine.ctx.domain.level == 2
    (tmp_path / "deep/two.yaml").unlink()
    with pytest.raises(ConfigError, match=r"one\.yaml:2:26: .* cannot be read: No such file"):
        engine.execute_workflow(tmp_path / "main.yaml")


def test_an_edited_file_is_read_again(engine: TheusEngine[Any], tmp_path: Path) -> None:
    """W15: the cache knows a file by its path and time, called files too."""
    main, other = tmp_path / "main.yaml", tmp_path / "other.yaml"
    main.write_text("- {flux: call, workflow: other.yaml}", encoding="utf-8")
    other.write_text("- fill", encoding="utf-8")
    engine.execute_workflow(main)
    first = engine.workflow_cache[str(main)]
    engine.execute_workflow(main)
    assert engine.workflow_cache[str(main)] is first
    other.write_text("- {process: fill, args: {litres: 10}}", encoding="utf-8")
    os.utime(other, ns=(1, 1))
    engine.execute_workflow(main)
    assert engine.ctx.domain.level == 12
    engine.workflow_cache.clear()
    engine.execute_workflow(main)
    assert engine.ctx.domain.level == 22


def test_a_process_registered_again_is_run(engine: TheusEngine[Any], tmp_path: Path) -> None:
    """What was loaded is checked again when a process changed."""
    file = tmp_path / "main.yaml"
    file.write_text("- {process: fill, args: {litres: 2}}", encoding="utf-8")
    engine.execute_workflow(file)

    @process(inputs=[], outputs=["domain.level"])
    def refill(ctx: Any, litres: int) -> None:
        ctx.domain.level = -litres

    engine.register_process("fill", refill)
    engine.execute_workflow(file)
    assert engine.ctx.domain.level == -2
    engine.register_process("fill", take)
    with pytest.raises(ConfigError, match='takes no argument "litres"'):
        engine.execute_workflow(file)


def test_the_key_on_of_a_dict() -> None:
    """YAML 1.1 makes True of the key on; in a dict both are one."""
    with make() as engine:
        for key in ("on", True):
            step = {"flux": "retry", "times": 2, key: "OSError", "do": "fail"}
            with pytest.raises(ValueError, match="value"):
                engine.execute_workflow([step])


def test_a_dict_holds_what_a_file_could(engine: TheusEngine[Any]) -> None:
    """A value that YAML has not is refused, with the way to pass it."""
    for value in (object(), float("nan"), {1, 2}):
        with pytest.raises(ConfigError, match="pass values as arguments of the workflow"):
            engine.execute_workflow([{"process": "note", "args": {"x": value}}])


# ---- checking ------------------------------------------------------------------------------------

MUTANTS = [
    ("fill", "fyll", 'there is no process "fyll"; did you mean "fill"?'),
    ("flux: while", "flux: whle", 'there is no step "whle"; did you mean "while"?'),
    ("condition:", "conditon:", 'has no key "conditon"; did you mean "condition"?'),
    ("process:", "proces:", 'a step has no key "proces"; did you mean "process"?'),
    ("args:", "arg:", 'a process step has no key "arg"; did you mean "args"?'),
    ("litres:", "liters:", 'takes no argument "liters"; did you mean "litres"?'),
    ("do:", "doo:", 'has no key "doo"; did you mean "do"?'),
    ("steps:", "stepz:", 'a workflow has no key "stepz"; did you mean "steps"?'),
    ("len(", "lenn(", 'there is no function "lenn"'),
    ("domain.queue", "domian.queue", 'there is no name "domian" here; did you mean "domain"?'),
]


@pytest.mark.parametrize(("right", "wrong", "text"), MUTANTS, ids=[each[1] for each in MUTANTS])
def test_each_misspelling_is_found(right: str, wrong: str, text: str) -> None:
    """W7: a misspelled step, key, process, argument or name is an error before anything runs."""
    with make() as engine:
        with pytest.raises(ConfigError) as caught:
            engine.execute_workflow(WATERING.replace(right, wrong, 1))
        assert text in str(caught.value)
        line = next(n for n, each in enumerate(WATERING.split("\n"), 1) if right in each)
        assert f"<text>:{line}:" in str(caught.value)
        assert engine.version == 0
        assert engine.ctx.domain.level == 0


def test_all_that_is_wrong_is_one_report(engine: TheusEngine[Any]) -> None:
    """Every problem of a workflow is told at once, in a dict by its place inside it."""
    with pytest.raises(ConfigError) as caught:
        engine.execute_workflow({"steps": ["fyll", {"flux": "run", "steps": ["take", "tak"]}, 5]})
    assert str(caught.value).splitlines()[1:] == [
        '<dict>: steps[0]: there is no process "fyll"; did you mean "fill"?',
        '<dict>: steps[1].steps[1]: there is no process "tak"; did you mean "take"?',
        "<dict>: steps[2]: a step is the name of a process or a mapping",
    ]
    assert engine.ctx.domain.level == 0


def test_cycles_and_depth_are_load_errors(engine: TheusEngine[Any], tmp_path: Path) -> None:
    """W14: aliases, files and brackets that never end are errors, whatever their depth."""
    for text in (
        "steps: &a [{flux: run, steps: *a}]",
        "- " * 10_000 + "fill",
        "{flux: run, steps: " * 10_000 + "fill" + "}" * 10_000,
        f'- {{flux: if, condition: "{"(" * 4000}1{")" * 4000}", then: fill}}',
    ):
        with pytest.raises(ConfigError):
            engine.execute_workflow(text)
    deep: Any = "fill"
    for _ in range(150):
        deep = {"flux": "run", "steps": [deep]}
    with pytest.raises(ConfigError, match=r"nested|recursion"):
        engine.execute_workflow([deep])
    (tmp_path / "a.yaml").write_text("- {flux: call, workflow: b.yaml}", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- {flux: call, workflow: ./a.yaml}", encoding="utf-8")
    with pytest.raises(ConfigError, match="calls itself in the end"):
        engine.execute_workflow(tmp_path / "a.yaml")


def test_branches_that_disturb_each_other_are_refused() -> None:
    """Parallel branches are checked by their contracts, when the workflow is loaded."""
    with make() as engine:
        with pytest.raises(
            ConfigError, match=r'"fill" cannot run beside "fill" .* domain_ctx\.level'
        ):
            engine.execute_workflow([{"flux": "parallel", "branches": ["fill", ["take", "fill"]]}])
        engine.execute_workflow([{"flux": "parallel", "branches": ["fill", ["take", "take"]]}])
        assert (engine.ctx.domain.level, engine.ctx.domain.log) == (1, ["a", "b"])


# ---- arguments -----------------------------------------------------------------------------------


def test_arguments_reach_every_process_that_takes_them(engine: TheusEngine[Any]) -> None:
    """An argument of the workflow goes to each process that takes it; a step's own comes first."""
    engine.execute_workflow(
        "- fill\n- {process: fill, args: {litres: 1}}\n- take\n- {process: note, args: {x: 1}}",
        litres=5,
    )
    assert engine.ctx.domain.level == 6
    assert engine.ctx.domain.log == ["a", {"litres": 5, "x": 1}]


def test_conditions_see_arguments_as_local(engine: TheusEngine[Any]) -> None:
    """local has the arguments of the workflow, of any kind; one that only a condition reads is taken."""
    engine.execute_workflow(
        '- {flux: while, condition: "domain.level < local.most[0]", do: fill}', most=[4]
    )
    assert engine.ctx.domain.level == 4


def test_an_argument_that_nothing_takes_is_an_error(engine: TheusEngine[Any]) -> None:
    """A misspelled argument is a TypeError, and nothing has run."""
    with pytest.raises(TypeError, match=r"argument 'liters'[^\n]*\n  did you mean:  litres"):
        engine.execute_workflow(["fill"], liters=3)
    with pytest.raises(TypeError, match="argument 'x'"):
        engine.start_workflow(["fill"], x=3)
    with pytest.raises(TypeError, match="argument 'x'"):
        engine.execute_flux_step("fill", x=3)
    assert engine.ctx.domain.level == 0


def test_state_as_an_argument_is_a_copy() -> None:
    """${{ }} hands over what stands there now: a number, or an independent copy."""
    with make() as engine:
        got: list[Any] = []

        @process(inputs=[], outputs=["domain.queue"])
        def keep(ctx: Any, queue: list[str], first: str) -> None:
            got.append(queue)
            queue.append("mine")
            assert (first, list(ctx.domain.queue)) == ("a", ["a", "b", "c"])

        engine.register_process("keep", keep)
        step = {
            "process": "keep",
            "args": {"queue": "${{ domain.queue }}", "first": "${{ domain.queue[0] }}"},
        }
        engine.execute_flux_step(step)
        assert got == [["a", "b", "c", "mine"]]
        assert engine.ctx.domain.queue == ["a", "b", "c"]


# ---- failures ------------------------------------------------------------------------------------


def test_what_a_step_raised_is_unchanged(engine: TheusEngine[Any]) -> None:
    """The very exception of a process reaches the caller, with a note of where it was raised."""
    error = ValueError("mine")

    @process(inputs=[], outputs=["domain.level"], errors=[ValueError])
    def raising(ctx: Any) -> None:
        raise error

    engine.register_process("raising", raising)
    with pytest.raises(ValueError, match="mine") as caught:
        engine.execute_workflow("- fill\n- raising\n- fill")
    assert caught.value is error
    assert error.__notes__ == ["in the workflow, at <text>:2:3"]
    assert engine.ctx.domain.level == 1
    error.__traceback__ = None  # the engine of the fixture outlives the test, and holds raising


def test_the_first_failure_ends_the_run_and_earlier_steps_stay() -> None:
    """Each process is a transaction: the failing one leaves no trace, those before it stay."""
    with make() as engine:
        with pytest.raises(ContractViolationError, match="Caught KeyError"):
            engine.execute_workflow([{"process": "fail", "args": {"kind": "key"}}])
        with pytest.raises(ValueError, match="value"):
            engine.execute_workflow(["fill", "fail", "fill"])
        assert engine.ctx.domain.level == 1
        engine.execute_workflow(
            [{"flux": "try", "do": ["fill", "fail"], "catch": {"ValueError": "fill"}}]
        )
        assert engine.ctx.domain.level == 3


def test_a_condition_fails_with_its_text_and_place(engine: TheusEngine[Any]) -> None:
    """What a condition raises is what Python raises, and shows the condition."""
    with pytest.raises(ZeroDivisionError) as caught:
        engine.execute_workflow('- {flux: if, condition: "1 / domain.level > 0", then: fill}')
    assert str(caught.value) == "division by zero\n  1 / domain.level > 0\n    ^"
    assert caught.value.__notes__ == ["in the workflow, at <text>:1:3"]
    with pytest.raises(AttributeError) as missing:
        engine.execute_workflow('- {flux: if, condition: "domain.levl > 0", then: fill}')
    assert missing.value.__notes__ == [
        "in the workflow, at <text>:1:3\n  domain.levl > 0\n         ^"
    ]


def test_an_interlock_is_not_caught() -> None:
    """A rule of level A aborts the workflow, whatever catches; finally runs."""
    rule = RuleSpec("domain_ctx.level", "max", 5, level="A")
    rules = AuditRecipe({"fill": ProcessRecipe("fill", output_rules=[rule])})
    with make(audit_recipe=rules) as engine:
        loop = {"flux": "while", "condition": "True", "do": "fill"}
        guarded = {"flux": "try", "do": loop, "catch": {"Exception": "take"}, "finally": "take"}
        with pytest.raises(AuditInterlockError):
            engine.execute_workflow([guarded])
        assert (engine.ctx.domain.level, engine.ctx.domain.log) == (5, ["a"])


def test_an_unknown_process_of_a_step(engine: TheusEngine[Any]) -> None:
    """A process that the engine cannot find is an error of the workflow, not of the run."""
    with pytest.raises(UnknownProcessError):
        engine.get_process("nobody")
    with pytest.raises(ConfigError, match="register it before the workflow is loaded"):
        engine.execute_flux_step("nobody_knows_it")


# ---- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 2, 7])
@pytest.mark.parametrize(
    "loop",
    [
        '- {flux: while, condition: "True", do: []}',
        '- {flux: while, condition: "True", do: fill}',
        '- {flux: while, condition: "domain.level < 1000", do: fill}',
        '- {flux: while, condition: "domain.level < 1000", do: [fill, take, note]}',
        "- {flux: for, each: range(3), as: a, do: {flux: for, each: range(9), as: b, do: []}}",
        '- {flux: while, condition: "True", do: {flux: while, condition: "True", do: []}}',
        "- {flux: parallel, branches: [{flux: for, each: range(9), as: a, do: fill}, []]}",
    ],
)
def test_one_budget_for_all_loops(loop: str, budget: int) -> None:
    """W6, W13: a run makes so many iterations, all its loops together, empty bodies too."""
    with make(max_ops=budget) as engine:
        engine.ctx.domain_ctx.queue[:] = ["x"] * 100
        with pytest.raises(
            FluxLimitError, match=rf"Safety Trip: .*<text>:1:.* {budget} iterations"
        ):
            engine.execute_workflow(loop)
        assert engine.ctx.domain.level <= budget
        run = engine.start_workflow(loop)
        with pytest.raises(FluxLimitError):
            run.run()
        assert run.loops == budget
        assert isinstance(FluxLimitError("x"), RuntimeError)


def test_the_variable_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """W13: THEUS_MAX_LOOPS is the budget, unless the engine has its own; it is read once."""
    loop = '- {flux: while, condition: "True", do: fill}'
    monkeypatch.setenv("THEUS_MAX_LOOPS", "3")
    with make() as engine, make(max_ops=5) as other:
        monkeypatch.setenv("THEUS_MAX_LOOPS", "100")
        for each in (engine, other):
            with pytest.raises(FluxLimitError):
                each.execute_workflow(loop)
        assert (engine.ctx.domain.level, other.ctx.domain.level) == (3, 5)
    for text in ("many", "-1", "0", "1.5"):
        monkeypatch.setenv("THEUS_MAX_LOOPS", text)
        with pytest.raises(ConfigError, match="THEUS_MAX_LOOPS"):
            make()
    for wrong in (0, -1, 1.5, True, "3"):
        with pytest.raises(TypeError, match="max_ops"):
            make(max_ops=wrong)


# ---- stepping and cancelling -----------------------------------------------------------------------


def test_a_workflow_is_stepped(engine: TheusEngine[Any]) -> None:
    """W8: one step at a time, each told with its place, its depth and its arguments."""
    run = engine.start_workflow(WATERING)
    assert engine.ctx.domain.level == 0
    assert run.peek() == run.peek()
    step = run.step()
    assert step is not None
    assert (step.kind, step.process, step.place, step.depth) == ("run", "take", "<text>:6:10", 1)
    assert engine.ctx.domain.log == ["a"]
    rest = [(each.process, dict(each.arguments or {})) for each in run]
    assert rest == [("fill", {"litres": 3}), *[("take", {}), ("fill", {"litres": 3})] * 2]
    assert (run.ended, run.loops, run.step()) == (True, 3, None)
    assert repr(run) == "<run of <text>, ended, 3 iterations>"


def test_a_run_may_go_on_in_any_way(engine: TheusEngine[Any]) -> None:
    """Some steps by hand, and the rest at once."""
    run = engine.start_workflow(WATERING)
    run.step()
    run.run()
    assert engine.ctx.domain.level == 9


def test_a_failing_step_raises_where_it_is_taken(engine: TheusEngine[Any]) -> None:
    """The run raises when it has nothing left to do, and again when asked again."""
    run = engine.start_workflow([{"flux": "try", "do": "fail", "finally": "take"}])
    assert [run.step(), run.step()] != [None, None]
    for _ in range(2):
        with pytest.raises(ValueError, match="value") as caught:
            run.step()
        assert len(caught.value.__notes__) == 1
    assert run.ended


def test_cancelling_in_the_middle() -> None:
    """W8: a cancelled run takes no further step but finally; what was committed stays."""
    with make() as engine:
        loop = {"flux": "while", "condition": "True", "do": "fill"}
        run = engine.start_workflow(
            [{"flux": "try", "do": loop, "catch": {"Exception": "take"}, "finally": "note"}]
        )
        run.step()
        run.step()
        run.cancel()
        assert [step.process for step in _until(run, FluxCancelledError)] == ["note"]
        assert (engine.ctx.domain.level, engine.ctx.domain.log) == (2, [{}])
        assert run.ended


def _until(run: Any, kind: type[Exception]) -> Iterator[Any]:
    """The steps of a run that ends with an exception."""
    with pytest.raises(kind):
        yield from run


@pytest.mark.parametrize(
    "text",
    [
        '- {flux: while, condition: "True", do: []}',
        '- {flux: while, condition: "domain.level >= 0", do: fill}',
        "- {flux: retry, times: 2, backoff: 3600, do: fail}",
        "- {flux: parallel, branches: [{flux: while, condition: 'domain.level >= 0', do: []}, take]}",
    ],
)
def test_another_thread_cancels(text: str) -> None:
    """W8: cancelling ends a loop, a sleep and branches from outside."""
    with make(max_ops=10**12) as engine:
        run = engine.start_workflow(text)
        timer = threading.Timer(0.05, run.cancel)
        timer.start()
        with pytest.raises(FluxCancelledError):
            run.run()
        timer.join()


@pytest.mark.parametrize(
    "text",
    [
        '- {flux: while, condition: "True", do: []}',
        '- {flux: while, condition: "domain.level >= 0", do: []}',
        '- {flux: while, condition: "domain.level >= 0", do: fill}',
        '- {flux: while, condition: "domain.queue", do: fill}',
        "- {flux: retry, times: 2, backoff: 3600, do: fail}",
        "- {flux: parallel, branches: [{flux: while, condition: 'domain.level >= 0', do: []}, take]}",
    ],
)
def test_an_interrupt_ends_a_workflow(text: str) -> None:
    """Ctrl-C ends it wherever it is, reaches the caller as it is, and finally has run."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with make(max_ops=10**12) as engine:
            guarded = (
                f"- flux: try\n  do:\n    {text}\n  catch: {{Exception: take}}\n  finally: note"
            )
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                engine.execute_workflow(guarded)
            assert engine.ctx.domain.log[-1] == {}
            engine.execute_workflow(["take"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_interrupt_of_a_process_is_not_caught() -> None:
    """KeyboardInterrupt passes every catch and retry, after finally, unchanged."""
    with make() as engine:
        step = {"process": "fail", "args": {"kind": "interrupt"}}
        guarded = {"flux": "try", "do": step, "catch": {"Exception": "take"}, "finally": "note"}
        with pytest.raises(KeyboardInterrupt):
            engine.execute_workflow([{"flux": "retry", "times": 5, "do": guarded}])
        assert (engine.ctx.domain.level, engine.ctx.domain.log) == (0, [{}])


def test_one_thread_steps_a_run() -> None:
    """A process that steps the run it belongs to is told so, and nothing breaks."""
    with make() as engine:
        runs: list[Any] = []

        @process(inputs=[], outputs=[], errors=[RuntimeError])
        def again(ctx: Any) -> None:
            runs[0].run()

        engine.register_process("again", again)
        runs.append(engine.start_workflow(["again"]))
        with pytest.raises(RuntimeError, match="another thread steps this run"):
            runs[0].run()


# ---- nesting and threads -------------------------------------------------------------------------


def test_a_workflow_inside_a_process_is_a_savepoint() -> None:
    """What a workflow does inside a process is undone with it, and sees what that wrote."""
    with make() as engine:

        @process(inputs=[], outputs=["domain.level", "domain.queue"], errors=[OSError])
        def outer(ctx: Any, how: str) -> None:
            ctx.domain.level = 7
            engine.execute_workflow('- {flux: while, condition: "domain.level < 10", do: fill}')
            assert ctx.domain.level == 10
            if how == "fail":
                raise OSError(how)

        engine.register_process("outer", outer)
        with pytest.raises(OSError, match="fail"):
            engine.run_process("outer", how="fail")
        assert engine.ctx.domain.level == 0
        engine.run_process("outer", how="well")
        assert engine.ctx.domain.level == 10


def test_many_threads_run_workflows() -> None:
    """Runs of one engine in many threads add up, and conditions never see half a commit."""
    with make(max_ops=10**6) as engine:

        @process(inputs=[], outputs=["domain.level", "domain.twin"])
        def pair(ctx: Any) -> None:
            ctx.domain.level += 1
            ctx.domain.twin = ctx.domain.level

        with engine.edit() as ctx:
            ctx.domain.twin = 0
        engine.register_process("pair", pair)
        text = (
            "- flux: for\n  each: range(50)\n  as: i\n"
            "  do: [pair, {flux: if, condition: domain.level != domain.twin, then: fail}]"
        )
        failures: list[BaseException] = []

        def work() -> None:
            try:
                engine.execute_workflow(text)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failures == []
        assert engine.ctx.domain.level == 300


ENDS = (ValueError, AttributeError, FluxLimitError, FluxCancelledError, ContractViolationError)

# ---- memory --------------------------------------------------------------------------------------


def test_nothing_is_left_of_a_run() -> None:
    """M4: handles and references are what they were, however a run ended."""
    with make(max_ops=100) as engine:
        workflows: list[Any] = [
            WATERING, ["fill", "note"], ["fail"],
            [{"flux": "try", "do": "fail", "catch": {"ValueError": "fill"}}],
            [{"flux": "retry", "times": 40, "do": "fail"}],
            '- {flux: while, condition: "domain.level >= 0", do: fill}',
            '- {flux: if, condition: "domain.nothing", then: fill}',
            "- {flux: for, each: domain.queue, as: x, do: {process: note, args: {x: '${{ x }}'}}}",
            [{"flux": "parallel", "branches": ["fill", "take", []]}],
            "- nobody",
        ]  # fmt: skip

        def once() -> None:
            with engine.edit() as ctx:
                ctx.domain.queue = ["a", "b"]
                ctx.domain.log = []
            for each in workflows:
                for how in ("run", "step", "cancel", "drop"):
                    try:
                        run = engine.start_workflow(each)
                        if how == "cancel":
                            run.cancel()
                        if how == "drop":
                            run.step()
                        elif how == "step":
                            list(run)
                        else:
                            run.run()
                    except ENDS:
                        continue

        once()
        gc.collect()
        handles, objects, counts = _kernel.live(), len(gc.get_objects()), sys.getrefcount(fill)
        for _ in range(20):
            once()
        gc.collect()
        assert _kernel.live() == handles
        assert sys.getrefcount(fill) == counts
        assert len(gc.get_objects()) < objects + 50


def test_caught_exceptions_are_let_go() -> None:
    """A loop that catches an exception each time keeps only a few of them."""
    with make(max_ops=10**6) as engine:
        alive: list[int] = []

        class Marked(ValueError):
            """Counts itself."""

            living = 0

            def __init__(self) -> None:
                super().__init__("marked")
                Marked.living += 1

            def __del__(self) -> None:
                Marked.living -= 1

        @process(inputs=[], outputs=["domain.level"], errors=[ValueError])
        def marked(ctx: Any) -> None:
            alive.append(Marked.living)
            raise Marked

        engine.register_process("marked", marked)
        body = {"flux": "try", "do": "marked", "catch": {"ValueError": "fill"}}
        engine.execute_workflow([{"flux": "for", "each": "range(300)", "as": "i", "do": body}])
        assert len(alive) == 300
        assert max(alive) < 50


def test_an_engine_closed_in_the_middle(engine: TheusEngine[Any]) -> None:
    """A run of a closed engine says so, and its handles are gone with it."""
    run = engine.start_workflow(WATERING)
    run.step()
    engine.close()
    for use in (run.step, run.run, run.cancel, lambda: run.loops):
        with pytest.raises(RuntimeError, match="closed"):
            use()


# ---- progress ------------------------------------------------------------------------------------


def test_progress_is_lines_in_a_log(
    engine: TheusEngine[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a terminal each step is a line of the logger theus.flux, indented by its depth."""
    caplog.set_level(logging.INFO, "theus.flux")
    engine.execute_workflow(
        "- fill\n- {flux: run, steps: [{process: fill, args: {litres: 2}}]}", progress=True
    )
    assert [record.getMessage() for record in caplog.records] == [
        "fill()  <text>:1:3",
        "  fill(litres=2)  <text>:2:23",
        "done, 0 iterations",
    ]


def test_progress_raises_what_fails(engine: TheusEngine[Any]) -> None:
    """Following a workflow changes nothing about its end."""
    with pytest.raises(ValueError, match="value"):
        engine.execute_workflow(["fill", "fail"], progress=True)


def test_progress_is_a_tree_on_a_terminal() -> None:
    """With a terminal and rich the steps are drawn as a tree."""
    code = (
        "import test_flux\n"
        "with test_flux.make() as engine:\n"
        "    engine.execute_workflow(test_flux.WATERING, progress=True)\n"
    )
    main, side = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, stderr=side, stdout=side,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(side)
    shown = b""
    while True:
        try:
            more = os.read(main, 65536)
        except OSError:  # the other end was closed
            break
        if not more:
            break
        shown += more
    os.close(main)
    assert child.wait() == 0
    assert "fill(litres=3)" in shown.decode()
    assert "└──" in shown.decode() or "`--" in shown.decode()
