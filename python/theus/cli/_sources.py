"""The processes of source files with their contracts, read from the syntax tree."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theus._fields import last_name, parse_file

LISTS = ("inputs", "outputs", "side_effects", "errors")
MARKS = ("In", "Out", "Ref")
Func = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Entry:
    """A path of a contract as it is spelled, and where."""

    text: str
    line: int
    column: int


@dataclass
class ProcessSource:
    """A decorated function."""

    name: str
    file: str
    node: Func
    inputs: list[Entry] = field(default_factory=list)
    outputs: list[Entry] = field(default_factory=list)
    side_effects: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    marks: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    known: bool = True
    """Whether the whole contract could be read; else nothing is said to be missing in it."""

    @property
    def context(self) -> str:
        """The parameter that gets the context, or ""."""
        names = [each.arg for each in (*self.node.args.posonlyargs, *self.node.args.args)]
        if self.marks:
            return "ctx" if "ctx" in names else ""
        return names[0] if names else ""

    def arguments(self) -> list[str] | None:
        """The arguments that a caller may give; None: any."""
        if self.node.args.kwarg is not None:
            return None
        given = (*self.node.args.posonlyargs, *self.node.args.args, *self.node.args.kwonlyargs)
        own = {self.context, *self.marks}
        return [each.arg for each in given if each.arg not in own]


@dataclass
class Module:
    """A source file: its processes, and its functions, which may be called by them."""

    file: str
    processes: list[ProcessSource]
    functions: dict[str, Func]


def python_files(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Every ``*.py`` below a folder, but for hidden folders, environments and what was built."""
    for path in sorted(Path(folder).iterdir()):
        if path.is_dir():
            skipped = path.name in ("node_modules", "build", "dist", "__pycache__")
            if not (path.name.startswith(".") or skipped or (path / "pyvenv.cfg").exists()):
                yield from python_files(path)
        elif path.suffix == ".py":
            yield path


def read_module(file: str | os.PathLike[str]) -> Module:
    """The processes of a file. Raises ConfigError where it is no Python."""
    name = os.fspath(file)
    tree = parse_file(name)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    functions = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [
                _process(node, each, name, constants)
                for each in node.decorator_list
                if last_name(each) == "process"
            ]
    return Module(name, sorted(found, key=lambda each: each.node.lineno), functions)


def _process(
    node: Func, decorator: ast.expr, file: str, constants: dict[str, ast.expr]
) -> ProcessSource:
    found = ProcessSource(node.name, file, node)
    if isinstance(decorator, ast.Call):
        _contract(found, decorator, constants)
    for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
        mark = _mark(each.annotation)
        if mark is not None:
            found.marks[each.arg] = mark
            (found.inputs if mark[0] == "In" else found.outputs).append(mark[1])
    return found


def _contract(to: ProcessSource, call: ast.Call, constants: dict[str, ast.expr]) -> None:
    """Add what a call of process or of ProcessContract declares."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(
        each.arg is None for each in call.keywords
    ):
        to.known = False
        return
    given: dict[str, ast.expr] = dict(zip(LISTS, call.args, strict=False))
    given |= {each.arg: each.value for each in call.keywords if each.arg}
    whole = given.get("inputs")
    if last_name(call) == "process" and len(given) == 1 and whole is not None:
        whole = constants.get(whole.id, whole) if isinstance(whole, ast.Name) else whole
        if isinstance(whole, ast.Call):
            _whole(to, whole, constants)
            return
    for part, to_add in (("inputs", to.inputs), ("outputs", to.outputs)):
        if part in given:
            entries = _strings(given[part], constants)
            to.known = to.known and entries is not None
            to_add.extend(entries or [])
    if "side_effects" in given:
        to.side_effects += [each.text for each in _strings(given["side_effects"], constants) or []]
    to.errors += _errors(given.get("errors"))


def _whole(to: ProcessSource, node: ast.expr, constants: dict[str, ast.expr]) -> None:
    """Add a contract that is given whole: ProcessContract(...), merged or not."""
    if isinstance(node, ast.Name):
        node = constants.get(node.id, node)
    if isinstance(node, ast.Call) and last_name(node) == "ProcessContract":
        _contract(to, node, constants)
    elif isinstance(node, ast.Call) and last_name(node) == "merge":
        for each in (node.func.value, *node.args):  # type: ignore[attr-defined]
            _whole(to, each, constants)
    else:
        to.known = False


def _strings(node: ast.expr, constants: dict[str, ast.expr], depth: int = 8) -> list[Entry] | None:
    """The strings of a list that is written out, in parts and by name too; None if it is not."""
    if depth == 0:
        return None
    if isinstance(node, ast.Constant) and node.value is None:
        return []
    if isinstance(node, ast.Name) and node.id in constants:
        return _strings(constants[node.id], constants, depth - 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.BitOr):
        left = _strings(node.left, constants, depth - 1)
        right = _strings(node.right, constants, depth - 1)
        return None if left is None or right is None else left + right
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    found: list[Entry] = []
    for each in node.elts:
        inner: Any = each
        if isinstance(each, ast.Starred):
            more = _strings(each.value, constants, depth - 1)
            if more is None:
                return None
            found += more
            continue
        if isinstance(each, ast.Name) and isinstance(constants.get(each.id), ast.Constant):
            inner = constants[each.id]
        if not (isinstance(inner, ast.Constant) and isinstance(inner.value, str)):
            return None
        found.append(Entry(inner.value, each.lineno, each.col_offset + 1))
    return found


def _errors(node: ast.expr | None) -> list[str]:
    """The names of declared errors."""
    inside = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []
    texts = (each.value if isinstance(each, ast.Constant) else last_name(each) for each in inside)
    return [text for text in texts if isinstance(text, str) and text]


def _mark(annotation: ast.expr | None) -> tuple[str, Entry] | None:
    """In["..."], Out["..."] or Ref["..."], also inside Annotated and in quotes."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            inner = ast.parse(annotation.value.strip(), mode="eval").body
        except SyntaxError:
            return None
        found = _mark(inner)
        return found and (
            found[0],
            Entry(found[1].text, annotation.lineno, annotation.col_offset + 1),
        )
    if not isinstance(annotation, ast.Subscript):
        return None
    name, inside = last_name(annotation), annotation.slice
    if name == "Annotated" and isinstance(inside, ast.Tuple):
        marks = (_mark(each) for each in inside.elts[1:])
        return next((each for each in marks if each is not None), None)
    if name in MARKS and isinstance(inside, ast.Constant) and isinstance(inside.value, str):
        return name, Entry(inside.value, inside.lineno, inside.col_offset + 1)
    return None
