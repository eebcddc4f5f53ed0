"""Signals and the way out: beside a running kernel both work as in any other program."""

import signal
import subprocess
import sys
import textwrap

import pytest

LIMIT = 30  # seconds until a program that hangs is a failure

PREAMBLE = """
import os, signal, sys, threading, time
from theus import TheusEngine, process

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it

class Part: pass

ctx = Part()
ctx.domain_ctx, ctx.global_ctx = Part(), None
ctx.domain_ctx.n, ctx.domain_ctx.m, ctx.domain_ctx.items = 0, 0, [1, [2]]
engine = TheusEngine(ctx, strict_mode=True)

def register(inputs, outputs):
    def take(function):
        engine.register_process(function.__name__, process(inputs, outputs)(function))
        return function
    return take

@register([], ["domain"])
def add(ctx):
    ctx.domain.n += 1

engine.run_process("add")
"""


def program(text: str) -> str:
    """A program that has a running engine."""
    return PREAMBLE + textwrap.dedent(text)


def run(text: str, *flags: str, code: int = 0) -> str:
    """Run it to its end within the limit; what it printed."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", program(text)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    return done.stdout


def interrupted(text: str) -> list[str]:
    """Start it, send Ctrl-C once it says so, and give what it printed after that."""
    with subprocess.Popen(
        [sys.executable, "-c", program(text)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "now\n"
        child.send_signal(signal.SIGINT)
        try:
            out, err = child.communicate(timeout=LIMIT)
        finally:
            child.kill()  # leaving the block would wait for one that hangs
    assert (child.returncode, err) == (0, "")
    return out.splitlines()


def test_control_c_in_c_code() -> None:
    """L22: in the middle of a sleep, a read of a large list or a nested process: rolled back."""
    for inside in (
        "time.sleep(60)",
        "while True: len(ctx.domain.items)",
        'engine.run_process("deep")',
    ):
        lines = interrupted(f"""
        @register([], ["domain"])
        def deep(ctx):
            ctx.domain.m = 5
            while True: time.sleep(0.001)

        @register([], ["domain"])
        def work(ctx):
            ctx.domain.n = 100
            print("now", flush=True)
            {inside}

        try:
            engine.run_process("work")
        except KeyboardInterrupt:
            print(engine.ctx.domain_ctx.n, engine.ctx.domain_ctx.m, engine.version)
        engine.run_process("add")
        print(engine.ctx.domain_ctx.n)
        """)
        assert lines == ["1 0 1", "2"]


def test_control_c_while_a_process_waits_for_priority() -> None:
    """One that lost four times and waits for the edit() block before it can be interrupted; then
    nothing waits any more, and nobody has priority."""
    lines = interrupted("""
    inside, leave = threading.Event(), threading.Event()
    attempts = []

    def block():
        with engine.edit():
            inside.set()
            leave.wait(60)

    holder = threading.Thread(target=block)

    @register([], ["domain"])
    def work(ctx):
        attempts.append(1)
        seen = ctx.domain.n
        other = threading.Thread(target=engine.run_process, args=("add",))
        other.start(); other.join(60)
        if len(attempts) == 4:
            holder.start()
            inside.wait(60)
            threading.Thread(target=tell).start()
        ctx.domain.m = seen + len(ctx.domain.items)  # and here it learns that it has lost

    def tell():
        time.sleep(0.3)
        print("now", flush=True)

    try:
        engine.run_process("work")
    except KeyboardInterrupt:
        print("interrupted", engine.ctx.domain_ctx.m, len(attempts))
    leave.set()
    holder.join(60)
    engine.run_process("add")
    print(engine.ctx.domain_ctx.n, engine._stats()[3])
    """)
    assert lines == ["interrupted 0 4", "6 0"]


def test_control_c_while_a_process_loses_again_and_again() -> None:
    """In a run that loses and backs off, wherever the signal finds it."""
    lines = interrupted("""
    over, attempts = threading.Event(), []

    def hurry():
        while not over.is_set(): engine.run_process("add")

    @register([], ["domain"])
    def work(ctx):
        seen = ctx.domain.n
        time.sleep(0.001)
        ctx.domain.m = seen

    others = [threading.Thread(target=hurry) for _ in range(2)]
    for other in others: other.start()
    try:
        print("now", flush=True)
        while True:
            engine.run_process("work")
    except KeyboardInterrupt:
        print("interrupted")
    over.set()
    for other in others: other.join(60)
    before = engine.version
    engine.run_process("add")
    print(engine.version - before)
    """)
    assert lines == ["interrupted", "1"]


def test_an_exception_sent_to_a_thread() -> None:
    """C7: a thread that is stopped from outside, in a process or while it waits, leaves nothing."""
    assert (
        run("""
    import ctypes
    class Stop(BaseException): pass
    send = ctypes.pythonapi.PyThreadState_SetAsyncExc
    ended = []

    @register([], ["domain"])
    def work(ctx):
        ctx.domain.n = 50
        started.set()
        while True: time.sleep(0.001)

    def body():
        try:
            engine.run_process("work")
        except Stop:
            ended.append("stopped")

    for _ in range(20):
        started = threading.Event()
        thread = threading.Thread(target=body)
        thread.start()
        started.wait(30)
        assert send(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop)) == 1
        thread.join(30)
    engine.run_process("add")
    print(len(ended), ctx.domain_ctx.n, engine.version)
    """)
        == "20 2 2\n"
    )


def test_handlers_of_others_still_work() -> None:
    """faulthandler, SIGCHLD, timers and the handlers of asyncio, while a kernel runs."""
    assert (
        run("""
    import asyncio, faulthandler, subprocess, tempfile
    heard = []
    for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda n, frame: heard.append(signal.Signals(n).name))
    subprocess.run(["true"], check=True)
    signal.setitimer(signal.ITIMER_REAL, 0.01)

    @register([], ["domain"])
    def work(ctx):
        until = time.monotonic() + 30
        while "SIGALRM" not in heard and time.monotonic() < until: ctx.domain.n += 1
        signal.raise_signal(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)

    engine.run_process("work")
    assert {"SIGCHLD", "SIGALRM", "SIGUSR1", "SIGTERM"} <= set(heard), heard

    with tempfile.TemporaryFile("w+") as file:
        faulthandler.register(signal.SIGUSR2, file=file)
        os.kill(os.getpid(), signal.SIGUSR2)
        file.seek(0)
        assert "most recent call first" in file.read()
        faulthandler.dump_traceback_later(0.01, file=file)
        time.sleep(0.2)
        faulthandler.cancel_dump_traceback_later()
        file.seek(0)
        assert "Timeout" in file.read()

    async def main():
        loop, got = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, got.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(got.wait(), 30)
        child = await asyncio.create_subprocess_exec("true")
        assert await child.wait() == 0
        engine.run_process("add")

    asyncio.run(main())
    print("all")
    """)
        == "all\n"
    )


@pytest.mark.bare
def test_a_crash_elsewhere_is_still_shown() -> None:
    """faulthandler writes its traceback and the program dies of the signal, as without a kernel."""
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-c",
            program("os.kill(os.getpid(), signal.SIGSEGV)"),
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in done.stderr


ALIVE = {
    "an engine": "engine.run_process('add')",
    "an open edit() block": "block = engine.edit(); block.__enter__().domain_ctx.n = 5",
    "an open block in a generator": """
def generate():
    with engine.edit() as c:
        c.domain_ctx.n = 5
        yield c.domain_ctx.items
walk = generate(); items = next(walk)""",
    "views": """
kept = []
@register([], ["domain"])
def keep(ctx): kept.extend([ctx, ctx.domain, ctx.domain.items, iter(ctx.domain.items), ctx.log])
engine.run_process("keep")""",
    "a daemon thread in a process": """
inside = threading.Event()
@register([], ["domain"])
def hold(ctx):
    ctx.domain.n = 5
    inside.set()
    time.sleep(600)
threading.Thread(target=engine.run_process, args=("hold",), daemon=True).start()
inside.wait(30)""",
    "a daemon thread that waits for a block": """
block = engine.edit(); block.__enter__()
threading.Thread(target=engine.run_process, args=("add",), daemon=True).start()
time.sleep(0.2)""",
    "a daemon thread in a block": """
inside = threading.Event()
def hold():
    with engine.edit() as c:
        c.domain_ctx.n = 5
        inside.set()
        time.sleep(600)
threading.Thread(target=hold, daemon=True).start()
inside.wait(30)""",
    "daemon threads that run all the time": """
def hurry():
    while True: engine.run_process("add")
for _ in range(4): threading.Thread(target=hurry, daemon=True).start()
time.sleep(0.2)""",
    "a pool": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(4)
for _ in range(50): pool.submit(engine.run_process, "add")""",
    "an exit inside a process": """
@register([], ["domain"])
def leave(ctx):
    ctx.domain.n = 5
    sys.exit(0)
engine.run_process("leave")""",
    "work in atexit": """
import atexit
atexit.register(engine.run_process, "add")""",
    "a listener that ends": """
engine.on_commit(lambda commit: None)
engine.run_process("add")""",
    "an iterator in a module": """
import types
sys.modules["late"] = types.ModuleType("late")
block = engine.edit(); sys.modules["late"].items = iter(block.__enter__().domain_ctx.items)
sys.modules["late"].engine = engine""",
}


@pytest.mark.parametrize("alive", ALIVE.values(), ids=ALIVE)
def test_the_interpreter_ends(alive: str) -> None:
    """Whatever is alive when the program ends, it ends: at once, in silence, with its own code."""
    run(alive.strip())


def test_without_the_gil() -> None:
    """A free-threaded Python that was told to do without the GIL is refused in one sentence; with
    it, or where there is no such thing, the import goes through."""
    text = "import sys; sys._is_gil_enabled = lambda: {0}\nimport theus"
    for enabled, code in (True, 0), (False, 1):
        done = subprocess.run(
            [sys.executable, "-c", text.format(enabled)],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == code, done.stderr
        last = done.stderr.strip().rpartition("\n")[2]
        assert last.startswith("ImportError: theus needs the GIL" if code else ""), last


KEPT = """
from dataclasses import dataclass
from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
from theus.testing import every_commit_point, record_commits

@dataclass
class Account(BaseDomainContext):
    balance: int = 100
    paid: int = 0

@process(inputs=[], outputs=["domain.balance", "domain.paid"])
def pay(ctx, amount):
    ctx.domain.balance -= amount
    ctx.domain.paid += 1

engine = TheusEngine(BaseSystemContext(None, Account()))
engine.register_process("pay", pay)
for fault in every_commit_point(engine):
    with fault:
        engine.run_process("pay", amount=10)
with record_commits(engine) as commits:
    engine.run_process("pay", amount=5)
"""


def test_commits_that_are_kept() -> None:
    """Commits that live until the interpreter ends are freed in silence, whatever goes first."""
    command = [sys.executable, "-c", KEPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_in_a_sub_interpreter() -> None:
    """M14: a sub-interpreter, isolated or not, is refused in one sentence; the main one goes on."""
    text = """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    code = "import os, sys" + chr(10) + "try: import theus" + chr(10) + (
        "except ImportError as error: os.write(1, (str(error)[:70] + chr(10)).encode())"
    )
    for how in ({}, {"isolated": False}):
        try:
            number = interpreters.create(**how)
        except TypeError:
            number = interpreters.create("legacy")
        interpreters.run_string(number, code)
        interpreters.destroy(number)
    engine.run_process("add")
    print(ctx.domain_ctx.n, flush=True)
    """
    lines = run(text).splitlines()
    assert lines[-1] == "2"
    assert len(lines) == 3
    assert all("interpreter" in line for line in lines[:2]), lines
