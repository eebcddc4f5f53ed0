"""The scripts of workflows, run through the extension: the same words for the same events.

``core/flux/testdata/README.md`` describes the format. Texts of errors differ where they are
Python's own, and are made equal here.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import theus
from theus import TheusEngine, _flux, process
from theus._kernel import FluxRun

FOLDER = Path(__file__).parents[2] / "core/flux/testdata"
ARGUMENT = re.compile(r"(\w+)(?:=(?:\(([^)]*)\)|(\S+)))?")
CODE = re.compile(r" \[THEUS-\w+\]")


class Thing:
    """An object of a script."""

    def __init__(self, fields: dict[str, Any]) -> None:
        vars(self).update(fields)

    def __repr__(self) -> str:
        return "<object>"


def built(node: Any) -> Any:
    """A value of JSON, with the objects and sets it stands for."""
    if isinstance(node, list):
        return [built(each) for each in node]
    if not isinstance(node, dict):
        return node
    if "$set" in node:
        return set(node["$set"])
    fields = {key: built(value) for key, value in node.get("$object", node).items()}
    return Thing(fields) if "$object" in node else fields


def cases(file: Path) -> Iterator[tuple[str, str, str]]:
    """(directive with arguments, input, expected) for each case."""
    lines = iter(file.read_text(encoding="utf-8").splitlines())
    for head in lines:
        if not head or head.startswith("#"):
            continue
        given = list(iter(lambda: next(lines), "----"))
        first = next(lines, "")
        if first == "----":
            expected = list(iter(lambda: next(lines), "----"))
            next(lines)  # it stands doubled
        else:
            expected = [first, *iter(lambda: next(lines, ""), "")] if first else []
        yield head, "\n".join(given), "\n".join(expected)


def spelled(steps: tuple[tuple[int, Any], ...]) -> str:
    """A path as the kernel prints it."""
    text = ""
    for attribute, key in steps:
        if attribute:
            text += f".{key}" if text else key
        else:
            text += f'["{key}"]' if isinstance(key, str) else f"[{key}]"
    return text or "ctx"


class World:
    """An engine, its processes and files, and what happened."""

    def __init__(self, folder: Path, kernels: list[BaseException]) -> None:
        self.folder = folder
        self.kernels = kernels  # the exceptions that the kernel made
        self.root = Thing({"domain_ctx": Thing({}), "global_ctx": Thing({})})
        self.engine = TheusEngine(self.root, strict_mode=True)
        self.calls: dict[str, int] = {}
        self.out: list[str] = []
        self.quiet = False

    def say(self, depth: int, text: str) -> None:
        if not self.quiet:
            self.out.append("  " * depth + text)

    # ---- directives ----

    def context(self, text: str, **_: Any) -> None:
        """Put state in place from outside."""
        for line in text.splitlines():
            where, value = line.split(" ", 1)
            layer, field = where.split(".")
            setattr(getattr(self.root, layer), field, built(json.loads(value)))
        self.out.append("ok")

    def process(
        self, text: str, name: str, args: Any = (), inputs: Any = (), outputs: Any = ()
    ) -> None:
        """File a process that does what its lines say."""
        lines = [line.split(" ", 2) for line in text.splitlines()]
        if not inputs and not outputs:
            outputs = [line[1] for line in lines if line[0] != "raise"]
        taken = ", ".join("**rest" if arg == "*" else f"{arg}=None" for arg in args)
        space: dict[str, Any] = {"act": lambda ctx: self.act(ctx, name, lines)}
        exec(f"def body(ctx{', ' if taken else ''}{taken}): act(ctx)", space)
        contract = process(inputs=list(inputs), outputs=list(outputs), errors=[Exception])
        self.engine.register_process(name, contract(space["body"]))
        self.out.append("ok")

    def act(self, ctx: Any, name: str, lines: list[list[str]]) -> None:
        """The body of a process."""
        self.calls[name] = self.calls.get(name, 0) + 1
        for verb, where, *rest in lines:
            if verb == "raise":
                if not rest or str(self.calls[name]) in rest[0].split():
                    raise exception(where)("told to")
                continue
            field = where.removeprefix("domain_ctx.")
            if verb == "add":
                setattr(ctx.domain, field, getattr(ctx.domain, field) + int(rest[0]))
            else:
                assert verb == "drop"
                getattr(ctx.domain, field).pop(0)

    def file(self, text: str, name: str) -> None:
        """A workflow that others call."""
        (self.folder / name).write_text(text, encoding="utf-8")
        self.out.append("ok")

    def load(self, text: str, name: str, built: bool) -> _flux.Loaded | None:
        """Load a workflow; None with its report, if something is wrong."""
        (self.folder / name).write_text(text, encoding="utf-8")
        workflows = self.engine._flux
        try:
            if built:
                return workflows._check(name, text, True, _flux._Files())
            return workflows.load(name)
        except theus.ConfigError as error:
            self.out.append(CODE.sub("", str(error)))
            return None

    def check(self, text: str, name: str, **how: Any) -> None:
        """Load a workflow, no more."""
        loaded = self.load(text, name, "dict" in how)
        if loaded is not None:
            self.out.append(f"ok: {' '.join(loaded.program.processes)}")

    def run(self, text: str, name: str, **how: Any) -> None:
        """Run a workflow and write down what happens."""
        loaded = self.load(text, name, "dict" in how)
        if loaded is None:
            return
        self.calls.clear()
        self.quiet = "quiet" in how
        run = loaded.start(int(how.get("loops", "0")), {})
        run.trace = trace = []
        self.drive(run, trace, int(how.get("cancel", "0")), 0)

    def drive(self, run: FluxRun, trace: list[Any], cancel: int, end: int) -> None:
        """Carry a run out, one action after the other."""
        count = 0
        while True:
            count += 1
            if count == cancel:
                run.cancel()
            action = run.next()
            for depth, needs in trace:
                asked = (
                    f"{what} {spelled(path)}" + (f" {key!r}" if what == "has" else "")
                    for what, path, key in needs
                )
                self.say(depth, "read " + ", ".join(asked))
            trace.clear()
            if action is None:
                break
            kind, depth, _, *rest = action
            if kind == "fork":
                for number, branch in enumerate(run.branches()):
                    self.say(depth, f"branch {number}")
                    self.drive(branch, trace, 0, depth + 1)
                run.answer(None)
                continue
            if kind == "run":
                given = ", ".join(f"{key}={value!r}" for key, value in rest[1].items())
                self.say(depth, f"{rest[0]}({given})")
            else:
                self.say(depth, f"sleep {rest[0]:g}")
                run.answer(None)
                continue
            run.perform()
        self.quiet = False
        self.end(run, end)

    def end(self, run: FluxRun, depth: int) -> None:
        """How a run ended."""
        try:
            run.result()
        except Exception as error:
            places = [n for n in error.__notes__ if n.startswith("in the workflow, at ")]
            place, _, pointer = places[-1].removeprefix("in the workflow, at ").partition("\n")
            own = "" if error in self.kernels else " (the host's own)"
            name = type(error).__name__.replace("FluxCancelled", "Cancelled")
            text = CODE.sub("", str(error))
            text = re.sub(r"^'\w+' object has no attribute", "no attribute", text)
            self.say(depth, f"failed at {place}{own}")
            self.out.append(f"{name}: {text}" + (f"\n{pointer}" if pointer else ""))
        else:
            self.say(depth, f"done, {run.loops} iterations")

    def state(self, _: str) -> None:
        """All fields of the domain."""
        fields = vars(self.root.domain_ctx).items()
        self.out += sorted(f"domain_ctx.{name} {value!r}" for name, value in fields)


def exception(names: str) -> type[Exception]:
    """The class that a script names with its bases."""
    name, *_ = names.split("<")
    kind = getattr(__import__("builtins"), name, None) or getattr(theus, name)
    assert issubclass(kind, Exception)
    return kind


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_script(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what a script says happens in the kernel happens through the extension too."""
    kernels: list[BaseException] = []
    make = _flux.failure

    def failure(classes: str, text: str) -> BaseException:
        kernels.append(make(classes, text))
        return kernels[-1]

    monkeypatch.setattr(_flux, "failure", failure)
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path, kernels)
    for head, given, expected in cases(file):
        directive, _, rest = head.partition(" ")
        args: dict[str, Any] = {}
        for key, many, one in ARGUMENT.findall(rest):
            args[key] = [each.strip() for each in many.split(",")] if many else one
        world.out.clear()
        getattr(world, directive)(given, **args)
        found = "\n".join(world.out)
        wanted = re.sub("there is no such file beside .*", "No such file or directory", expected)
        assert found == wanted, head
    world.engine.close()
