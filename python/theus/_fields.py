"""The classes of source files and their fields, read from the syntax tree: nothing is imported."""

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from theus.errors import ConfigError

# Bases whose instances have no fields but those that a class of the file names.
_CLOSED = {
    "object", "BaseDomainContext", "BaseGlobalContext", "BaseSystemContext", "LockedContextMixin",
    "BaseModel", "Generic", "Protocol", "NamedTuple", "ABC",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A field of a class: what its annotation says, its default, and where it stands."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    line: int
    column: int


@dataclass
class ClassSource:
    """A class as it stands in a file."""

    name: str
    file: str
    line: int
    bases: list[str]
    fields: dict[str, Field] = field(default_factory=dict)
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    open: bool = False  # instances may have fields that are not seen here


def parse_file(path: str | os.PathLike[str]) -> ast.Module:
    """The syntax tree of a file.

    Raises FileNotFoundError, and ConfigError with file:line:column where it is no Python.
    """
    name = os.fspath(path)
    try:
        return ast.parse(Path(name).read_bytes(), name)
    except SyntaxError as error:
        place = f"{name}:{error.lineno or 1}:{error.offset or 1}"
        raise ConfigError(f"{place}: this is not Python: {error.msg}") from error
    except ValueError as error:  # null bytes
        raise ConfigError(f"{name}:1:1: this is not Python: {error}") from error


def classes_of(tree: ast.Module, file: str) -> dict[str, ClassSource]:
    """The classes of a module by name, those inside other classes and functions included."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return {node.name: _class(node, file) for node in nodes}


def with_inherited(known: dict[str, ClassSource], name: str) -> ClassSource:
    """A class with the fields and methods of its bases; open where a base is not known."""
    return _merged(known, name, frozenset())


def _merged(known: dict[str, ClassSource], name: str, seen: frozenset[str]) -> ClassSource:
    own = known[name]
    whole = ClassSource(own.name, own.file, own.line, own.bases, open=own.open)
    for base in reversed(own.bases):
        if base in known and base not in seen:
            above = _merged(known, base, seen | {name})
            whole.fields |= above.fields
            whole.methods |= above.methods
            whole.open |= above.open
        elif base not in _CLOSED:
            whole.open = True
    whole.fields |= own.fields
    whole.methods |= own.methods
    return whole


def _class(node: ast.ClassDef, file: str) -> ClassSource:
    bases = [last_name(base) for base in node.bases]
    found = ClassSource(node.name, file, node.lineno, bases)
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            if last_name(each.annotation) != "ClassVar":
                _add(found, each.target.id, each.annotation, each.value, each)
        elif isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Name):
                    _add(found, target.id, None, each.value, each)
        elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            found.methods[each.name] = each
            for name, annotation, value, at in _assigned(each):
                if name not in found.fields:
                    _add(found, name, annotation, value, at)
    found.open = bool(node.keywords) or not {"__getattr__", "__getattribute__"}.isdisjoint(
        found.methods
    )
    return found


def _add(
    to: ClassSource, name: str, annotation: ast.expr | None, value: ast.expr | None, at: ast.stmt
) -> None:
    if name != "__slots__" and not (name.startswith("__") and name.endswith("__")):
        to.fields[name] = Field(name, annotation, value, at.lineno, at.col_offset + 1)


def _assigned(
    method: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[str, ast.expr | None, ast.expr | None, ast.stmt]]:
    """What a method assigns to attributes of its first parameter."""
    parameters = [*method.args.posonlyargs, *method.args.args]
    if not parameters:
        return
    self = parameters[0].arg
    annotations = {each.arg: each.annotation for each in parameters}
    for node in ast.walk(method):
        if isinstance(node, ast.AnnAssign) and _is_attribute(node.target, self):
            yield node.target.attr, node.annotation, node.value, node  # type: ignore[union-attr]
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if _is_attribute(target, self):
                    given = node.value.id if isinstance(node.value, ast.Name) else ""
                    yield target.attr, annotations.get(given), node.value, node  # type: ignore[attr-defined]


def _is_attribute(node: ast.expr, of: str) -> bool:
    return (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == of
    )


def last_name(node: ast.expr | None) -> str:
    """The last name of a dotted expression, without what stands in its brackets.

    >>> last_name(ast.parse("typing.List[int]", mode="eval").body)
    'List'
    """
    if isinstance(node, ast.Subscript):
        return last_name(node.value)
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def unwrapped(annotation: ast.expr | None) -> tuple[ast.expr | None, bool]:
    """(an annotation without None, Annotated, Final and quotes; whether None is allowed)."""
    optional = False
    while annotation is not None:
        name = last_name(annotation)
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value.strip(), mode="eval").body
            except SyntaxError:
                return None, optional
        elif isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
            parts = list(_members(annotation))
            kept = [part for part in parts if not _is_none(part)]
            optional = optional or len(kept) < len(parts)
            if len(kept) != 1:
                return None, optional
            annotation = kept[0]
        elif isinstance(annotation, ast.Subscript) and name == "Optional":
            optional, annotation = True, annotation.slice
        elif isinstance(annotation, ast.Subscript) and name in ("Annotated", "Final", "Required"):
            inside = annotation.slice
            annotation = inside.elts[0] if isinstance(inside, ast.Tuple) else inside
        elif isinstance(annotation, ast.Subscript) and name == "Union":
            inside = annotation.slice
            members = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            kept = [part for part in members if not _is_none(part)]
            optional = optional or len(kept) < len(members)
            if len(kept) != 1:
                return None, optional
            annotation = kept[0]
        else:
            break
    return annotation, optional


def _members(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _members(node.left)
        yield from _members(node.right)
    else:
        yield node


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def layers_of(known: dict[str, ClassSource]) -> dict[str, list[ClassSource]]:
    """The classes of the two layers: those with ``Global`` or ``Domain`` in their names.

    The bases of Theus, and what only serves as a base of another layer, are left out.
    """
    used = {base for each in known.values() for base in each.bases}
    found: dict[str, list[ClassSource]] = {"global": [], "domain": []}
    for name, each in known.items():
        word = "global" if "Global" in name else "domain" if "Domain" in name else ""
        if word and name not in used and not name.startswith("Base"):
            found[word].append(with_inherited(known, each.name))
    return found


def read_classes(files: Iterable[str | os.PathLike[str]]) -> dict[str, ClassSource]:
    """The classes of several files by name; the first one of a name stays."""
    known: dict[str, ClassSource] = {}
    for file in files:
        for name, each in classes_of(parse_file(file), os.fspath(file)).items():
            known.setdefault(name, each)
    return known
