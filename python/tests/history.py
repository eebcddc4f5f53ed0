"""Recorded histories of runs, and whether running one after the other explains them.

A *script* is a list of steps, the same for a process and for plain Python: each step touches the
state and says what it saw. ``perform`` takes a script on a context or on a twin, ``Recorder`` runs
scripts as processes and notes what every attempt saw and which version its commit made, and
``explain`` is the judge:

* the runs that committed, performed one after the other in the order of their versions on a twin,
  see what they saw, and leave the state that is there;
* whatever else looked at the state (what only read, what failed, every attempt that lost) saw one
  version, which was there while it ran.

Values that are written are unique, so that seeing one tells who wrote it.
"""

import pickle
import random
import threading
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness import Declared
from model import Plain

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process

THREADS = 8
NAMES = ("a", "b", "c")
Step = tuple[Any, ...]
Script = list[Step]


def domain() -> Plain:
    """The state that scripts work on: every kind, three levels of keys, an object in an object."""
    return Plain(
        tree={i: {j: dict.fromkeys(NAMES, 0) for j in NAMES} for i in NAMES},
        rows=[0] * 4,
        tags={-1, -2},
        queue=deque([0, 0]),
        samples=array("q", [0] * 4),
        part=Plain(a=0, b=0, c=Plain(a=0, b=0)),
        marks=dict.fromkeys(range(THREADS), 0),
    )


# ---- steps ---------------------------------------------------------------------------------------
# Each takes the domain, a value to write and its arguments, and says what it saw. `yielding` lets
# others run; it stands between the reads of a step that has more than one.

Yield = Callable[[], None]


def leaf(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    return d.tree[i][j].get(k)


def set_leaf(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    d.tree[i][j][k] = value


def change_leaf(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    old = d.tree[i][j].get(k)
    y()
    d.tree[i][j][k] = value
    return old


def move_leaf(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    old = d.tree[i][j].pop(k, None)
    y()
    d.tree[j][i][k] = value
    return old, k in d.tree[i][j]


def scan_leaves(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    seen = []
    for key, number in d.tree[i][j].items():
        seen.append((key, number))
        y()
    return seen, len(d.tree[i][j])


def new_leaf(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    branch = d.tree[i][j]
    for key in [key for key in branch if isinstance(key, int)][:1]:
        del branch[key]
    y()
    branch[value] = value
    return len(branch)


def new_branch(d: Any, y: Yield, value: int, i: str, j: str, k: str) -> Any:
    old = sum(1 for _ in d.tree[i][j])
    y()
    d.tree[i][j] = dict.fromkeys(NAMES, value)
    return old


def row(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    return d.rows[i % len(d.rows)] if d.rows else None


def set_row(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    if d.rows:
        old = d.rows[i % len(d.rows)]
        y()
        d.rows[i % len(d.rows)] = value
        return old
    return None


def append_row(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    d.rows.append(value)
    y()
    if len(d.rows) > 8:
        del d.rows[:4]
    return len(d.rows)


def insert_row(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    old = d.rows.pop(i % len(d.rows)) if d.rows else None
    y()
    d.rows.insert(j, value)
    return old


def scan_rows(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    seen = []
    for number in d.rows:
        seen.append(number)
        y()
    return seen, d.rows[i : i + j]


def samples(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    first = d.samples[i % len(d.samples)]
    y()
    return first, list(d.samples[i : i + j]), len(d.samples)


def set_sample(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    old = d.samples[i % len(d.samples)]
    y()
    d.samples[i % len(d.samples)] = value
    return old


def append_sample(d: Any, y: Yield, value: int, i: int, j: int) -> Any:
    d.samples.append(value)
    y()
    if len(d.samples) > 8:
        del d.samples[:4]
    return len(d.samples), d.samples[-1]


def tags(d: Any, y: Yield, value: int) -> Any:
    size = len(d.tags)
    y()
    return size, sorted(d.tags)


def add_tag(d: Any, y: Yield, value: int) -> Any:
    d.tags.add(value)
    y()
    return len(d.tags), value in d.tags


def drop_tag(d: Any, y: Yield, value: int) -> Any:
    least = min(d.tags, default=None)
    y()
    if len(d.tags) > 4:
        d.tags.discard(least)
    return least


def put_queue(d: Any, y: Yield, value: int) -> Any:
    d.queue.append(value)
    y()
    return d.queue[0], d.queue[-1]


def take_queue(d: Any, y: Yield, value: int) -> Any:
    if len(d.queue) > 2:
        y()
        return d.queue.popleft()
    return None


def scan_queue(d: Any, y: Yield, value: int) -> Any:
    seen = []
    for number in d.queue:
        seen.append(number)
        y()
    return seen, len(d.queue)


def fields(d: Any, y: Yield, value: int, name: str) -> Any:
    a = d.part.a
    y()
    return a, d.part.b, getattr(d.part, "extra", None), d.part.c.a


def set_fields(d: Any, y: Yield, value: int, name: str) -> Any:
    old = d.part.a
    y()
    d.part.a = value
    d.part.b = -value  # whoever sees one without the other saw half of it
    return old


def set_field(d: Any, y: Yield, value: int, name: str) -> Any:
    old = getattr(d.part.c, name, None)
    y()
    setattr(d.part.c, name, value)
    return old


def toggle_field(d: Any, y: Yield, value: int, name: str) -> Any:
    there = hasattr(d.part, "extra")
    y()
    if there:
        del d.part.extra
    else:
        d.part.extra = value
    return there


def leaf_key(rng: random.Random) -> Step:
    return rng.choice(NAMES), rng.choice(NAMES), rng.choice(NAMES)


def row_key(rng: random.Random) -> Step:
    return rng.randrange(6), rng.randrange(4)


def name_key(rng: random.Random) -> Step:
    return (rng.choice(("a", "b")),)


def no_key(rng: random.Random) -> Step:
    return ()


LOOKS: tuple[tuple[Callable[..., Any], Callable[[random.Random], Step]], ...] = (
    (leaf, leaf_key),
    (leaf, leaf_key),
    (scan_leaves, leaf_key),
    (row, row_key),
    (scan_rows, row_key),
    (samples, row_key),
    (tags, no_key),
    (scan_queue, no_key),
    (fields, name_key),
)
WRITES: tuple[tuple[Callable[..., Any], Callable[[random.Random], Step]], ...] = (
    (set_leaf, leaf_key),
    (change_leaf, leaf_key),
    (change_leaf, leaf_key),
    (move_leaf, leaf_key),
    (new_leaf, leaf_key),
    (new_branch, leaf_key),
    (set_row, row_key),
    (append_row, row_key),
    (insert_row, row_key),
    (set_sample, row_key),
    (append_sample, row_key),
    (add_tag, no_key),
    (drop_tag, no_key),
    (put_queue, no_key),
    (take_queue, no_key),
    (set_fields, name_key),
    (set_field, name_key),
    (toggle_field, name_key),
)
NESTED = ("nested", "nested and fails", "edit")


def script_of(rng: random.Random, writes: bool, depth: int = 0) -> Script:
    """A random script of one to five steps."""
    script: Script = []
    for _ in range(rng.randint(1, 5 if depth == 0 else 2)):
        if depth < 2 and rng.random() < 0.1:
            how = rng.choice(NESTED if writes else NESTED[:2])
            script.append((how, script_of(rng, writes, depth + 1)))
            continue
        step, key = rng.choice(LOOKS + WRITES if writes else LOOKS)
        script.append((step, rng.getrandbits(48) + 1, *key(rng)))
    return script


# ---- on a twin -----------------------------------------------------------------------------------


def still() -> None:
    """Nobody else is there who could run."""


class Twin:
    """Plain Python that takes scripts one after the other."""

    def __init__(self, state: Any) -> None:
        self.domain = state

    def perform(self, script: Script, seen: list[Any]) -> None:
        for step, *rest in script:
            if callable(step):
                seen.append(step(self.domain, still, *rest))
            elif step == "nested and fails":
                before = pickle.dumps(self.domain)
                self.perform(rest[0], seen)
                self.domain = pickle.loads(before)
            else:
                self.perform(rest[0], seen)


# ---- on an engine --------------------------------------------------------------------------------


@dataclass
class Run:
    """One run at top level: what it was to do, and what came of it."""

    how: str  # "write", "fail", "read", "edit"
    thread: int
    script: Script
    number: int = 0
    before: int = 0  # the newest version before it began
    after: int = 0  # ... and after it ended
    attempts: list[list[Any]] = field(default_factory=list)
    result: list[Any] | None = None

    def perform(self, engine: Any, d: Any, script: Script, y: Yield) -> None:
        """Take the steps in a context. What they see is noted as it is seen."""
        seen = self.attempts[-1]
        for step, *rest in script:
            y()
            if callable(step):
                seen.append(step(d, y, *rest))
            elif step == "edit":
                with engine.edit() as inner:
                    self.perform(engine, inner.domain_ctx, rest[0], y)
            else:
                name = "read" if self.how == "read" else "fail" if "fails" in step else "write"
                try:
                    engine.run_process(name, number=self.number, script=rest[0], outermost=False)
                except Declared:
                    if self.how != "read":
                        assert name == "fail"


class Recorder:
    """An engine whose runs are recorded."""

    def __init__(self, yields: Callable[[], None] = still) -> None:
        self.context = BaseSystemContext(None, BaseDomainContext())
        vars(self.context.domain_ctx).update(vars(domain()))
        self.start = pickle.dumps(self.state())
        self.engine = TheusEngine(self.context, strict_mode=True)
        self.yields = yields
        self.runs: dict[int, Run] = {}
        self.versions: list[tuple[int, int]] = []  # (version, number of the run), as it was told
        self._lock = threading.Lock()
        self.engine.on_commit(self._committed)

        def body(ctx: Any, number: int, script: Script, outermost: bool) -> Any:
            return self._body(ctx.domain, self.runs[number], script, outermost)

        @process([], ["domain"])
        def write(ctx: Any, number: int, script: Script, outermost: bool) -> Any:
            return body(ctx, number, script, outermost)

        @process([], ["domain"], errors=[Declared])
        def fail(ctx: Any, number: int, script: Script, outermost: bool) -> Any:
            body(ctx, number, script, outermost)
            raise Declared

        @process(["domain"], [])
        def read(ctx: Any, number: int, script: Script, outermost: bool) -> Any:
            return body(ctx, number, script, outermost)

        for each in write, fail, read:
            self.engine.register_process(each.__name__, each)

    def state(self) -> Plain:
        """What scripts work on, as it is now."""
        known = vars(domain())
        return Plain(
            **{name: each for name, each in vars(self.context.domain_ctx).items() if name in known}
        )

    def _body(self, d: Any, run: Run, script: Script, outermost: bool) -> Any:
        if outermost:
            run.attempts.append([])
        run.perform(self.engine, d, script, self.yields)
        if outermost and run.how in ("write", "fail"):
            d.marks[run.thread] = run.number
        return list(run.attempts[-1]) if outermost else None

    def _committed(self, commit: Any) -> None:
        marks = [
            write.value for write in commit.writes if write.path.startswith("domain_ctx.marks")
        ]
        self.versions.append((commit.version, *marks))

    def record(self, run: Run) -> None:
        """Run it and note what came of it."""
        with self._lock:
            run.number = len(self.runs) + 1
            self.runs[run.number] = run
        run.before = self.engine.version
        if run.how == "edit":
            run.attempts.append([])
            with self.engine.edit() as ctx:
                run.result = self._edit(ctx, run)
        else:
            try:
                run.result = self.engine.run_process(
                    run.how, number=run.number, script=run.script, outermost=True
                )
            except Declared:
                assert run.how == "fail"
        run.after = self.engine.version

    def _edit(self, ctx: Any, run: Run) -> list[Any]:
        run.perform(self.engine, ctx.domain_ctx, run.script, self.yields)
        ctx.domain_ctx.marks[run.thread] = run.number
        return list(run.attempts[-1])


# ---- the judge -----------------------------------------------------------------------------------


class Unexplained(AssertionError):
    """No order of the runs gives what was seen."""


def explain(recorder: Recorder) -> int:
    """Raise Unexplained unless the history is serial; how many observations were explained."""
    runs = recorder.runs
    order = [version for version, *_ in recorder.versions]
    if order != list(range(1, recorder.engine.version + 1)):
        raise Unexplained(f"the commits were told as {order[:20]}…")
    committed = [numbers for _, *numbers in recorder.versions]
    if any(len(numbers) != 1 for numbers in committed):
        raise Unexplained("a commit does not carry the mark of one run")
    serial = [number for (number,) in committed]
    if sorted(serial) != sorted(n for n, r in runs.items() if r.how in ("write", "edit")):
        raise Unexplained("a run committed twice, or never, or though it failed")
    waiting = sorted(observations(runs), key=lambda each: each[0])
    explained, at, active = len(serial) + len(waiting), 0, []
    twin = Twin(pickle.loads(recorder.start))
    for version in range(len(serial) + 1):
        while at < len(waiting) and waiting[at][0] <= version:
            active.append(waiting[at])
            at += 1
        if active:
            active = still_open(twin, version, active)
        if version < len(serial):
            run = runs[serial[version]]
            take(twin, run, version + 1)
    if active or at < len(waiting):
        raise Unexplained(f"{len(active)} observations were of no version that was there")
    if show(twin.domain) != show(recorder.state()):
        raise Unexplained("the state is not what the commits leave")
    return explained


def take(twin: Twin, run: Run, version: int) -> None:
    """Perform on the twin what committed, and compare what it saw."""
    if not run.before < version <= run.after:
        raise Unexplained(f"version {version} was made from {run.before} to {run.after}")
    seen: list[Any] = []
    twin.perform(run.script, seen)
    twin.domain.marks[run.thread] = run.number
    if seen != run.result:
        raise Unexplained(f"version {version} saw {run.result}, not {seen}, in {words(run.script)}")


Observation = tuple[int, int, Script, list[Any], bool]


def observations(runs: dict[int, Run]) -> Iterator[Observation]:
    """What looked and made no commit: from which version to which, how, what it saw, all of it."""
    for run in runs.values():
        commits = run.how in ("write", "edit")
        for seen in run.attempts[:-1] if commits else run.attempts:
            last = seen is run.attempts[-1]
            yield run.before, run.after, run.script, seen, last


def still_open(twin: Twin, version: int, active: list[Observation]) -> list[Observation]:
    """Those that this version does not explain. Raises Unexplained for what it was the last for."""
    before = pickle.dumps(twin.domain)
    left = []
    for each in active:
        _, last, script, seen, whole = each
        other = Twin(pickle.loads(before))
        expected: list[Any] = []
        other.perform(script, expected)
        if seen == (expected if whole else expected[: len(seen)]):
            continue
        if version >= last:
            raise Unexplained(f"{seen} was seen at no version up to {last}: {words(script)}")
        left.append(each)
    return left


def words(script: Script) -> Any:
    """A script with the names of its steps."""
    return [
        (step.__name__, *rest) if callable(step) else (step, words(rest[0]))
        for step, *rest in script
    ]


def show(value: Any) -> Any:
    """State as values that compare; the order of keys counts, the order of fields does not."""
    if isinstance(value, Plain):
        return {name: show(each) for name, each in sorted(vars(value).items())}
    if isinstance(value, dict):
        return [(key, show(each)) for key, each in value.items()]
    if isinstance(value, set):
        return sorted(value)
    return [show(each) for each in value] if isinstance(value, list | deque) else value


# ---- stress --------------------------------------------------------------------------------------


def yielder(rng: random.Random) -> Callable[[], None]:
    """Gives the GIL away: mostly at once, sometimes so that another thread surely takes it."""

    def give_way() -> None:
        time.sleep(0 if rng.random() < 0.7 else 1e-6)

    return give_way


def random_run(rng: random.Random, thread: int) -> Run:
    """A run of any sort, most often one that writes."""
    how = rng.choices(("write", "fail", "read", "edit"), (12, 2, 4, 1))[0]
    return Run(how, thread, script_of(rng, how != "read"))
