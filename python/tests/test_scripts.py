"""The scripts of the Go kernel, run through the extension: the same words for the same events.

``core/engine/testdata/README.md`` describes the format. Two things differ from the Go harness.
A script's engine nests 4 deep, this one 64: the fifth level of a script stands on enough silent
ones. And how many writes were dropped is not shown by the extension; the harness counts what it
wrote, and holds every commit's own list against that count.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theus import ContractViolationError, TheusEngine, TheusError, process

SCRIPTS = sorted((Path(__file__).parents[2] / "core/engine/testdata").glob("*.txt"))
ARGUMENT = re.compile(r"(\w+)=(?:\(([^)]*)\)|(\S+))")
SEGMENT = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]")
ADDED = re.compile(r" \[THEUS-\w+\]|\n +at: .*")  # what the extension knows and the kernel does not
LAYERS = {"domain": "domain_ctx", "global": "global_ctx"}
WORDS = {1: "read", 2: "write", 4: "walk", 8: "private"}
ZONES = ["DATA", "SIGNAL", "META", "HEAVY"]
SCRIPT_DEPTH, ENGINE_DEPTH = 4, 64


class ApplyError(Exception):
    """What a setter raises that was told to fail."""


class Root:
    """The context of a script."""

    def __init__(self, layer: type) -> None:
        self.domain_ctx = layer()
        self.global_ctx = layer()


def segments(where: str) -> list[str | int]:
    """A path as scripts spell it: layer, field, keys."""
    found = [name or int(index) for name, index in SEGMENT.findall(where)]
    return [LAYERS.get(str(found[0]), found[0]), *found[1:]]


def spelled(path: list[str | int]) -> str:
    """A path as the kernel prints it."""
    text = ".".join(map(str, path[:2]))
    return text + "".join(f'["{key}"]' if isinstance(key, str) else f"[{key}]" for key in path[2:])


def value_of(text: str) -> Any:
    """A value as scripts spell it."""
    words = {"none": None, "true": True, "false": False}
    if text in words or text == "{}":
        return {} if text == "{}" else words[text]
    return text[1:-1] if text.startswith('"') else int(text)


def spell(value: Any) -> str:
    """The inverse."""
    if isinstance(value, dict):
        return f"{{{len(value)}}}" if value else "{}"
    words = {None: "none", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    return f'"{value}"' if isinstance(value, str) else str(value)


def step(at: Any, key: str | int, depth: int) -> Any:
    """One step down a path: attributes of the root and of its layers, then keys."""
    return getattr(at, str(key)) if depth < 2 else at[key]


def error_text(error: BaseException) -> str:
    """An exception as scripts print it."""
    name = type(error).__name__
    if isinstance(error, ContractViolationError):
        name = "ContractViolationError"
    elif isinstance(error, TheusError):
        name = "TheusError"
    text = ADDED.sub("", str(error)).replace(
        f"deeper than {ENGINE_DEPTH}", f"deeper than {SCRIPT_DEPTH}"
    )
    return f"{name}: {text}" if text else name


class World:
    """An engine, its context, and what a script does to them."""

    def __init__(self) -> None:
        self.setters: set[str] = set()
        self.armed = self.failed = False
        world = self

        class Layer:
            """Assigning to a field may fail, where the script says so."""

            def __setattr__(self, name: str, value: Any) -> None:
                if world.armed and name in world.setters:
                    world.failed = True
                    raise ApplyError("the host was told to fail")
                object.__setattr__(self, name, value)

        self.root = Root(Layer)
        self.engine = TheusEngine(self.root, strict_mode=True)
        self.commits: list[Any] = []
        self.engine.on_commit(self.commits.append)
        self.out: list[str] = []
        self.logs: list[list[bool]] = []  # per running process: a write each, True if it is heavy

    # ---- directives ----

    def context(self, lines: list[str], **_: Any) -> None:
        """Put state in place from outside."""
        for line in lines:
            where, value, *setter = line.split(" ")
            path = segments(where)
            if setter:
                self.setters.add(str(path[-1]))
            at: Any = self.root
            for depth, key in enumerate(path[:-1]):
                missing = depth == 1 and not hasattr(at, str(key))
                if missing:
                    setattr(at, str(key), {})
                at = step(at, key, depth) if depth < 2 else at.setdefault(key, {})
            if len(path) == 2:
                setattr(at, str(path[1]), value_of(value))
            else:
                at[path[-1]] = value_of(value)
        self.out.append("ok")

    def process(
        self, _: list[str], name: str, inputs: Any = (), outputs: Any = (), errors: Any = ()
    ) -> None:
        """File a process."""
        contract = process(inputs=list(inputs), outputs=list(outputs), errors=list(errors))
        try:
            self.engine.register_process(name, contract(lambda ctx, body: body(ctx)))
        except TheusError as error:
            self.out.append(f"error: {ADDED.sub('', str(error))}")
        else:
            self.out.append("ok")

    def decide(self, lines: list[str], name: str) -> None:
        """What a process may do."""
        for line in lines:
            bits, zone = self.engine._permission(name, line)
            words = [word for bit, word in WORDS.items() if bits & bit] or ["nothing"]
            words += [f"({ZONES[zone]})"] if zone else []
            self.out.append(f"{line}: {' '.join(words)}")

    def state(self, _: list[str]) -> None:
        """All values, and the version."""
        found: list[str] = []

        def walk(value: Any, path: list[str | int]) -> None:
            below = vars(value) if len(path) < 2 else value
            if isinstance(below, dict) and below:
                for key, each in below.items():
                    walk(each, [*path, key])
            elif len(path) > 1:
                found.append(f"{spelled(path)} {spell(value)}")

        walk(self.root, [])
        self.out += [*sorted(found), f"version {self.engine.version}"]

    def execute(self, lines: list[str], name: str, fail: str = "") -> None:
        """Run a process whose body stands in the script."""
        self.armed, self.failed = bool(fail), False
        try:
            self.run(name, lines, int(fail or 0))
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            self.out.append(error_text(error))
        finally:
            self.armed = False

    # ---- one process ----

    def run(self, name: str, lines: list[str], fail: int = 0) -> None:
        """Run one process and say how it ended."""
        log: list[bool] = []
        commits, started = len(self.commits), False

        def body(ctx: Any) -> None:
            nonlocal started
            started = True
            self.logs.append(log)
            try:
                self.statements(ctx, name, lines, log)
            finally:
                self.logs.pop()

        try:
            self.enter(name, body)
        except BaseException:
            if self.failed:
                self.out.append(f"apply: write {fail} failed, {fail - 1} undone")
            if started:
                self.out.append(f"rollback: {count(log)} dropped")
            raise
        if self.logs:
            self.logs[-1].extend(log)
            self.out.append(f"keep: {count(log)}")
        elif len(self.commits) > commits:
            assert len(self.commits) == commits + 1
            written = [each for each in self.commits[-1].writes if "heavy_" not in each.path]
            assert len(written) == len(log)
            assert self.commits[-1].version == self.engine.version
            self.out.append(f"commit: {count(log)} (version {self.engine.version})")
        else:
            self.out.append("done")

    def enter(self, name: str, body: Callable[[Any], None]) -> None:
        """Start a process; at the script's bound of nesting first go to that of the engine."""
        if len(self.logs) == SCRIPT_DEPTH:
            inner = body
            for _ in range(ENGINE_DEPTH - SCRIPT_DEPTH):
                inner = lambda ctx, below=inner: self.begin(name, below)  # noqa: E731
            body = inner
        self.begin(name, body)

    def begin(self, name: str, body: Callable[[Any], None]) -> None:
        """Run body as a process of that name."""
        if name == "edit":
            with self.engine.edit() as ctx:
                body(ctx)
        else:
            self.engine.run_process(name, body=body)

    def statements(self, ctx: Any, name: str, lines: list[str], log: list[bool]) -> None:
        """Carry out a body."""
        while lines:
            line, *lines = lines
            word, _, rest = line.partition(" ")
            inner = []
            while lines and lines[0].startswith("  "):
                inner.append(lines.pop(0)[2:])
            if word == "raise":
                kinds: dict[str, Any] = __builtins__  # type: ignore[assignment]
                raise kinds[rest]
            if word in ("call", "try"):
                self.nested(rest, inner, word == "try")
            else:
                where, _, value = rest.partition(" ")
                self.access(ctx, name, word, segments(where), value, log)

    def nested(self, name: str, lines: list[str], caught: bool) -> None:
        """Run a process inside this one."""
        try:
            self.run(name, lines)
        except Exception as error:
            if not caught:
                raise
            self.out.append(f"caught {error_text(error)}")

    def access(
        self, ctx: Any, name: str, word: str, path: list[str | int], value: str, log: list[bool]
    ) -> None:
        """Carry out one statement on the state."""
        at = ctx
        try:
            for depth, key in enumerate(path[:-1]):
                at = step(at, key, depth)
            last, is_field = path[-1], len(path) < 3
            if word == "set":
                setattr(at, str(last), value_of(value)) if is_field else at.__setitem__(
                    last, value_of(value)
                )
            elif word == "delete":
                delattr(at, str(last)) if is_field else at.__delitem__(last)
            else:
                found = step(at, last, len(path) - 1)
                walked = (
                    name != "edit"
                    and not self.engine._permission(name, ".".join(map(str, path)))[0] & 1
                )
                if word == "list":
                    keys = " ".join(sorted(spelled(["", "", key])[1:] for key in found))
                    self.out.append(f"list {spelled(path)} -> {keys}")
                else:
                    shown = "(a way through)" if walked else spell(found)
                    self.out.append(f"get {spelled(path)} -> {shown}")
                return
        except (KeyError, AttributeError) as error:
            if isinstance(error, TheusError):
                raise
            raise LookupError(spelled(path)) from None
        heavy = any(str(key).startswith("heavy_") for key in path)
        if not heavy:
            log.append(False)


def count(log: list[bool]) -> str:
    """How many writes, in words."""
    return "1 write" if len(log) == 1 else f"{len(log)} writes"


def cases(text: str) -> list[tuple[str, list[str], list[str]]]:
    """The cases of a script: directive, input, expected output."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if lines:
            cut = lines.index("----")
            found.append((lines[0], lines[1:cut], lines[cut + 1 :]))
    return found


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script: Path) -> None:
    """What a script says happens is what happens here."""
    text = script.read_text()
    if text.startswith("# host: may fail at any write"):
        pytest.skip("an assignment that runs no user code cannot be told to fail in Python")
    world = World()
    for directive, lines, expected in cases(text):
        world.out = []
        name, _, arguments = directive.partition(" ")
        given = {
            key: one or [each.strip() for each in several.split(",") if each.strip()]
            for key, several, one in ARGUMENT.findall(arguments)
        }
        getattr(world, name)(lines, **given)
        assert expected == "\n".join(world.out).splitlines(), directive
    world.engine.close()


def test_there_are_scripts() -> None:
    """The scripts are found, or the test above says nothing."""
    assert {"apply", "commit", "denial", "nesting", "rollback", "zone"} <= {s.stem for s in SCRIPTS}
