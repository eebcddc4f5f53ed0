"""A running kernel does not survive fork(); a child is told so at once, and never hangs."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork()")
LIMIT = 30  # seconds until a hanging child is a failure
AT_ONCE = 0.1  # what the design promises
SLACK = 20  # times, for a loaded machine

PREAMBLE = """
import os, sys, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is the point here
import theus
from theus import ForkedKernelError, TheusEngine, process

class Part: pass

def context():
    ctx = Part()
    ctx.domain_ctx, ctx.global_ctx = Part(), None
    ctx.domain_ctx.n, ctx.domain_ctx.deep = 0, {"a": {"b": [1]}}
    return ctx

@process([], ["domain"])
def add(ctx):
    ctx.domain.n += 1
    return ctx.domain.n

def child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status

def refused(work):
    def check():
        start = time.perf_counter()
        try:
            work()
        except ForkedKernelError as error:
            assert "spawn" in str(error)
        else:
            raise AssertionError("not refused")
        assert time.perf_counter() - start < LIMIT
    child(check)
"""


def run(program: str, *flags: str) -> str:
    """Run a program in a process of its own, within the limit; what it printed."""
    text = PREAMBLE.replace("LIMIT", str(AT_ONCE * SLACK)) + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, *flags, "-c", text],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_import_then_fork() -> None:
    """Importing starts no kernel, so the child may be the one that starts it; so may the parent."""
    run("""
    assert not theus._kernel.started()
    def work():
        engine = TheusEngine(context(), strict_mode=True)
        assert engine.run_process("add") == 1
    child(work)
    child(work)
    engine = TheusEngine(context(), strict_mode=True)
    assert engine.run_process("add") == 1
    """)


USES = {
    "new engine": "TheusEngine(context(), strict_mode=True)",
    "new training engine": "TheusEngine(context(), strict_mode=False)",
    "run": 'engine.run_process("add")',
    "edit": "engine.edit().__enter__()",
    "register": 'engine.register_process("other", add)',
    "describe": "theus._kernel.describe()",
}


@pytest.mark.parametrize("use", USES)
def test_engine_then_fork(use: str) -> None:
    """M14: in the child each use of the kernel is ForkedKernelError at once; the parent goes on."""
    run(f"""
    engine = TheusEngine(context(), strict_mode=True)
    engine.run_process("add")
    refused(lambda: {USES[use]})
    assert engine.run_process("add") == 2
    """)


def test_fork_inside_a_process() -> None:
    """A view inherited in the middle of a run: a read that must ask the kernel is refused at once;
    the parent's run goes on and commits."""
    run("""
    engine = TheusEngine(context(), strict_mode=True)
    def body(ctx):
        ctx.domain.n = 5
        refused(lambda: ctx.domain.never_asked_before)
        refused(lambda: ctx.global_ctx)
        refused(lambda: engine.run_process("add"))
    engine.register_process("body", process([], ["domain"])(body))
    engine.run_process("body")
    assert engine.ctx.domain_ctx.n == 5 and engine.version == 1
    """)


def test_a_run_that_ends_in_the_child_commits_nothing() -> None:
    """A process that returns in a forked child raises there and leaves the child's state alone."""
    run("""
    ctx = context()
    engine = TheusEngine(ctx, strict_mode=True)
    pids = []
    def body(c):
        c.domain.n = 5
        pids.append(os.fork())
    engine.register_process("body", process([], ["domain"])(body))
    try:
        engine.run_process("body")
    except ForkedKernelError:
        os._exit(7 if pids == [0] and ctx.domain_ctx.n == 0 else 1)
    except BaseException:
        os._exit(2)
    if pids == [0]:
        os._exit(3)
    _, status = os.waitpid(pids[0], 0)
    assert os.waitstatus_to_exitcode(status) == 7, status
    assert ctx.domain_ctx.n == 5
    """)


@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit(0)"])
def test_a_child_that_does_not_use_theus(leave: str) -> None:
    """It ends as any child does, also through the interpreter's own way out."""
    run(f"""
    engine = TheusEngine(context(), strict_mode=True)
    engine.run_process("add")
    pid = os.fork()
    if pid == 0:
        del engine
        import gc; gc.collect()
        {leave}
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    engine.run_process("add")
    """)


def test_the_state_can_be_read_in_the_child() -> None:
    """The user's objects are plain Python there; closing the inherited engine is allowed."""
    run("""
    ctx = context()
    engine = TheusEngine(ctx, strict_mode=True)
    engine.run_process("add")
    def work():
        assert ctx.domain_ctx.n == 1
        assert engine.ctx is ctx
        engine.close()
    child(work)
    assert engine.run_process("add") == 2
    """)


WORKER = """
    import multiprocessing
    if __name__ == "__main__":
        engine = TheusEngine(context(), strict_mode=True)
        engine.run_process("add")
        pool = multiprocessing.get_context("METHOD").Pool(2)
        with pool:
            print(pool.map(work, range(4)))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_multiprocessing(method: str, tmp_path: os.PathLike[str]) -> None:
    """Workers started by spawn or forkserver have engines of their own."""
    script = os.path.join(tmp_path, "main.py")
    work = """
def work(n):
    ctx = context()
    ctx.domain_ctx.n = n
    with TheusEngine(ctx, strict_mode=True) as engine:
        return engine.run_process("add")
"""
    with open(script, "w") as file:
        file.write(PREAMBLE + work + textwrap.dedent(WORKER).replace("METHOD", method))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.stdout, done.stderr) == ("[1, 2, 3, 4]\n", "")


def test_a_hundred_children() -> None:
    """C13, M14: while eight threads run, wait, lose and hold edit() open, a hundred forked children
    that use the kernel in any way are all refused at once; the threads go on and lose no commit."""
    run(f"""
    import random, threading
    engine = TheusEngine(context(), strict_mode=True)
    engine.register_process("slow", process([], ["domain"])(lambda ctx: [
        setattr(ctx.domain, "n", ctx.domain.n + (time.sleep(0.0002) or 1))] and None))
    over, done = threading.Event(), []

    def work():
        runs = 0
        while not over.is_set():
            if random.random() < 0.2:
                with engine.edit() as ctx:
                    time.sleep(0.001)
                    ctx.domain_ctx.n += 1
            else:
                engine.run_process("slow")
            runs += 1
        done.append(runs)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads: thread.start()
    uses = [{", ".join("lambda: " + use for use in USES.values())}]
    for n in range(100):
        refused(uses[n % len(uses)])
    over.set()
    for thread in threads: thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert engine.ctx.domain_ctx.n == engine.version == sum(done) > 0
    """)


def test_fork_beside_open_transactions() -> None:
    """A child forked while other threads hold a process, an edit() block and a commit open ends by
    itself; it may read what is there, and none of it is its business any more."""
    run("""
    import threading
    ctx = context()
    engine = TheusEngine(ctx, strict_mode=True)
    inside, leave = threading.Barrier(4), threading.Event()

    class Slow:
        def __setattr__(self, name, value):
            inside.wait(30)
            leave.wait(30)
            super().__setattr__(name, value)

    ctx.domain_ctx.slow = Slow()

    @process(["domain.deep"], [])
    def hold(c):
        c.domain.deep["a"]
        inside.wait(30)
        leave.wait(30)

    @process([], ["domain.slow"])
    def commit(c):
        c.domain.slow.x = 1

    def edit():
        engine_two = TheusEngine(context(), strict_mode=True)
        with engine_two.edit() as c:
            c.domain_ctx.n = 1
            inside.wait(30)
            leave.wait(30)

    engine.register_process("hold", hold)
    engine.register_process("commit", commit)
    threads = [threading.Thread(target=each) for each in (
        lambda: engine.run_process("hold"), lambda: engine.run_process("commit"), edit)]
    for thread in threads: thread.start()
    inside.wait(30)
    for leave_by in (os._exit, sys.exit):
        pid = os.fork()
        if pid == 0:
            try:
                engine.run_process("hold")
            except ForkedKernelError:
                import gc; gc.collect()
                leave_by(5)
            leave_by(1)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 5, status
    leave.set()
    for thread in threads: thread.join(30)
    assert engine.version == 1 and ctx.domain_ctx.slow.x == 1
    """)


BYSTANDERS = """
import multiprocessing, subprocess
from concurrent.futures import ProcessPoolExecutor

def square(n):
    return n * n

if __name__ == "__main__":
    engine = TheusEngine(context(), strict_mode=True)
    seen = []

    @process([], ["domain"])
    def work(ctx):
        ctx.domain.n += 1
        fork = multiprocessing.get_context("fork")
        with fork.Pool(2) as pool:
            seen.append(pool.map(square, range(5)))
        with ProcessPoolExecutor(2, mp_context=fork) as pool:
            seen.append(list(pool.map(square, range(5))))
        seen.append(subprocess.run(["echo", "here"], capture_output=True, check=True).stdout)
        child = fork.Process(target=square, args=(3,))
        child.start()
        child.join(30)
        seen.append(child.exitcode)

    engine.register_process("work", work)
    engine.run_process("work")
    squares = [0, 1, 4, 9, 16]
    assert seen == [squares, squares, b"here\\n", 0], seen
    assert engine.version == engine.ctx.domain_ctx.n == 1
"""


def test_children_that_are_bystanders(tmp_path: os.PathLike[str]) -> None:
    """Pools that fork, and subprocesses, work beside a running kernel, even inside a process."""
    script = os.path.join(tmp_path, "main.py")
    with open(script, "w") as file:
        file.write(PREAMBLE + BYSTANDERS)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
