"""Serialisability: what threads did at once, the same runs one after the other explain."""

import os
import random
import sys
from collections.abc import Callable, Iterator

import pytest
from history import (
    THREADS,
    Recorder,
    Run,
    Unexplained,
    explain,
    leaf,
    random_run,
    row,
    set_fields,
    set_leaf,
    set_row,
    yielder,
)
from test_threads import together

DEEP = bool(os.environ.get("THEUS_DEEP"))
RUNS = 100_000 if DEEP else 3_000
ROUNDS = 10 if DEEP else 3


@pytest.fixture
def eager() -> Iterator[None]:
    """Threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_history_has_a_serial_order(seed: int) -> None:
    """C1, C2, C3: eight threads, processes of every sort, a yield between every two accesses: run
    one after the other in the order of their versions the commits saw the same and leave the same,
    and what failed, lost or only read saw one version that was there."""
    recorder = Recorder(yielder(random.Random(seed)))
    each = RUNS // ROUNDS // THREADS

    def worker(thread: int) -> None:
        rng = random.Random(seed * THREADS + thread)
        for _ in range(each):
            recorder.record(random_run(rng, thread))

    assert together([lambda thread=thread: worker(thread) for thread in range(THREADS)]) == []
    commits, conflicts, retries, _ = recorder.engine._stats()
    assert len(recorder.runs) == each * THREADS
    assert commits == recorder.engine.version
    assert conflicts == retries > each // 50, "a history without conflicts shows little"
    readers = [run for run in recorder.runs.values() if run.how in ("read", "edit")]
    assert all(len(run.attempts) == 1 for run in readers), "a reader or an edit() ran again"
    attempts = sum(len(run.attempts) for run in recorder.runs.values())
    assert attempts == len(recorder.runs) + retries
    assert explain(recorder) == attempts


# ---- the judge itself ----------------------------------------------------------------------------


def history() -> Recorder:
    """Four runs one after the other: two that read and write a leaf, two that look."""
    recorder = Recorder()
    scripts = [
        ("write", [(set_leaf, 11, "a", "a", "a"), (row, 1, 0, 0)]),
        ("read", [(leaf, 1, "a", "a", "a"), (row, 1, 0, 0)]),
        ("write", [(leaf, 1, "a", "a", "a"), (set_row, 22, 0, 0)]),
        ("fail", [(leaf, 1, "a", "a", "a"), (row, 1, 0, 0), (set_fields, 33, "a")]),
    ]
    for how, script in scripts:
        recorder.record(Run(how, 0, list(script)))
    return recorder


def saw(number: int, *values: object) -> Callable[[Recorder], None]:
    """Claim that a run saw something else."""

    def change(recorder: Recorder) -> None:
        run = recorder.runs[number]
        run.attempts[-1] = list(values)
        if run.result is not None:
            run.result = list(values)

    return change


def swap(recorder: Recorder) -> None:
    """Claim that two runs of which one read what the other wrote came in the other order."""
    (one, a), (two, b) = recorder.versions
    recorder.versions[:] = [(one, b), (two, a)]
    for run in recorder.runs.values():
        run.before, run.after = 0, 2


def late(recorder: Recorder) -> None:
    """Claim that a reader began after a commit it did not see."""
    saw(2, 0, 0)(recorder)


def lost_write(recorder: Recorder) -> None:
    recorder.context.domain_ctx.rows[0] = 0


def lost_attempt(recorder: Recorder) -> None:
    """Claim that an attempt which lost saw parts of two versions."""
    run = recorder.runs[3]
    run.before = 0
    run.attempts.insert(0, [0, 22])


TAMPERED: dict[str, Callable[[Recorder], None]] = {
    "a lost update": saw(3, 0, 0),
    "a dirty read": saw(2, 11, 33),
    "half a commit": saw(4, 0, 22),
    "what was never there": saw(4, 99, 22),
    "another order": swap,
    "an old version": late,
    "a write that is gone": lost_write,
    "two versions in a run that lost": lost_attempt,
    "a commit that nobody made": lambda recorder: recorder.versions.append((3, 1)),
    "a commit told too late": lambda recorder: recorder.versions.reverse(),
    "a commit not told": lambda recorder: recorder.versions.pop() and None,
}


def test_the_judge_accepts_what_happened() -> None:
    """A history of runs that came one after the other is serial."""
    assert explain(history()) == 4


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_the_judge_finds(tamper: Callable[[Recorder], None]) -> None:
    """Whatever is changed about that history, nothing explains it any more."""
    recorder = history()
    tamper(recorder)
    with pytest.raises(Unexplained):
        explain(recorder)
