"""Schemas from the source of a context, and the source of a context from a schema.

The source is read and not imported. What one of them makes the other one reads back to the same.
"""

import ast
import os
from collections.abc import Mapping
from typing import Any

from theus._fields import ClassSource, Field, last_name, layers_of, read_classes, with_inherited
from theus._source_of import code_of
from theus._yaml import yaml
from theus.config import ConfigFactory

__all__ = ["generate_code_from_schema", "generate_schema_from_file"]

_WORDS = {
    "str": "string", "int": "integer", "float": "float", "bool": "boolean", "bytes": "bytes",
    "list": "list", "List": "list", "tuple": "tuple", "Tuple": "tuple", "set": "set", "Set": "set",
    "frozenset": "frozenset", "FrozenSet": "frozenset", "deque": "deque", "dict": "dict",
    "Dict": "dict", "Decimal": "Decimal", "Fraction": "Fraction", "date": "date",
    "datetime": "datetime", "time": "time", "timedelta": "timedelta", "UUID": "UUID",
    "Path": "Path",
}  # fmt: skip
_CONTAINERS = {"list", "tuple", "set", "frozenset", "deque", "dict"}
# Calls whose value a schema writes as that of their argument, or of what they make without one.
_FACTORIES = {
    "list": list, "dict": dict, "set": list, "frozenset": list, "tuple": list, "deque": list,
    "str": str, "int": int, "float": float,
}  # fmt: skip
_AS_GIVEN = {"Decimal", "Fraction", "Path", "UUID", "fromisoformat"}
_MISSING = object()


def generate_schema_from_file(context_path: str | os.PathLike[str]) -> dict[str, Any]:
    """The schema of the annotated fields of classes with ``Global`` or ``Domain`` in their names.

    Types come from the annotations; classes of the same file become ``objects``, and what a schema
    has no word for is ``any``. A field that may be None is not required. Defaults are kept where
    they are written out as plain values.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is no Python, with its place.
    """
    known = read_classes([context_path])
    reader = _Reader(known)
    context = {}
    for layer, classes in layers_of(known).items():
        context[layer] = {
            name: said for cls in classes for name, said in reader.fields(cls).items()
        }
    objects = reader.finish()
    return {"context": context, "objects": objects} if objects else {"context": context}


def generate_code_from_schema(schema_path: str | os.PathLike[str]) -> str:
    """Dataclasses AppGlobal, AppDomain and SystemContext that have the fields of a schema.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is malformed, or a name in it is none that Python takes.
    """
    return code_of(ConfigFactory.load_schema(schema_path), os.fspath(schema_path))


def schema_text(schema: Mapping[str, Any]) -> str:
    """A schema as YAML, a field a line.

    >>> fields = {"global": {}, "domain": {"sum": {"type": "integer"}}}
    >>> print(schema_text({"context": fields}), end="")
    context:
      global: {}
      domain:
        sum: {type: integer}
    """
    lines = []
    for part, groups in schema.items():
        lines.append(f"{part}:")
        for group, fields in groups.items():
            lines.append(f"  {_key(group)}:" if fields else f"  {_key(group)}: {{}}")
            for name, said in fields.items():
                parts = (f"{key}: {_word(key, value)}" for key, value in said.items())
                lines.append(f"    {_key(name)}: {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n"


class _Reader:
    """Turns annotations into the types of a schema, and classes of the file into its objects."""

    def __init__(self, known: dict[str, ClassSource]) -> None:
        self.known = known
        self.objects: dict[str, dict[str, Any]] = {}
        self.waiting: list[str] = []

    def fields(self, cls: ClassSource) -> dict[str, Any]:
        """What a schema says of the annotated public fields of a class."""
        return {
            name: self.described(each)
            for name, each in cls.fields.items()
            if each.annotation is not None and not name.startswith("_")
        }

    def finish(self) -> dict[str, dict[str, Any]]:
        """The objects that were met, and those that these hold."""
        while self.waiting:
            name = self.waiting.pop(0)
            self.objects[name] = self.fields(with_inherited(self.known, name))
        return self.objects

    def described(self, each: Field) -> dict[str, Any]:
        """What a schema says of a field."""
        words = list(dict.fromkeys(self.words(each.annotation)))
        optional = "none" in words and len(words) > 1
        words = [word for word in words if word != "none"] if optional else words
        said: dict[str, Any] = {"type": "any" if "any" in words else " | ".join(words)}
        default = _default(each.default)
        if optional:
            said["required"] = False
        if default is not _MISSING and not (default is None and optional):
            said["default"] = default
        return said

    def words(self, node: ast.expr | None) -> list[str]:
        """The types that an annotation allows, each in the words of a schema."""
        match node:
            case ast.Constant(value=None):
                return ["none"]
            case ast.Constant(value=str(text)):
                try:
                    return self.words(ast.parse(text.strip(), mode="eval").body)
                except SyntaxError:
                    return ["any"]
            case ast.BinOp(op=ast.BitOr()):
                return [*self.words(node.left), *self.words(node.right)]
            case ast.Name() | ast.Attribute():
                return [self.named(last_name(node))]
            case ast.Subscript():
                inside = node.slice
                parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
                return self.subscripted(last_name(node), parts)
        return ["any"]

    def named(self, name: str) -> str:
        if name in _WORDS:
            return _WORDS[name]
        found = self.known.get(name)
        if found is None or not any(each.annotation for each in found.fields.values()):
            return "any"
        if name not in self.objects:
            self.objects[name] = {}
            self.waiting.append(name)
        return name

    def subscripted(self, name: str, parts: list[ast.expr]) -> list[str]:
        if name in ("Annotated", "Final", "Required", "NotRequired"):
            return self.words(parts[0])
        if name == "Optional":
            return [*self.words(parts[0]), "none"]
        if name == "Union":
            return [word for part in parts for word in self.words(part)]
        if name == "Literal":
            values = [part.value for part in parts if isinstance(part, ast.Constant)]
            plain = all(isinstance(value, str | int | None) for value in values)
            spelled = f"Literal[{', '.join(map(repr, values))}]"
            return [spelled if plain and len(values) == len(parts) else "any"]
        word = self.named(name)
        if word not in _CONTAINERS:
            return ["any"]
        inner = [" | ".join(dict.fromkeys(self.words(part))) for part in parts if not _dots(part)]
        inner = ["any" if "any" in each.split(" | ") else each for each in inner]
        fits = len(inner) == (2 if word == "dict" else 1)
        return [word if not fits or set(inner) == {"any"} else f"{word}[{', '.join(inner)}]"]


def _dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _default(node: ast.expr | None) -> Any:
    """The value of a default that is written out, itself or behind field(...) and Field(...)."""
    if isinstance(node, ast.Call) and last_name(node) in ("field", "Field"):
        given = {each.arg: each.value for each in node.keywords}
        if "default_factory" in given:
            return _made(given["default_factory"])
        return _default(given.get("default") or next(iter(node.args), None))
    if isinstance(node, ast.Call) and last_name(node) in _FACTORIES and not node.keywords:
        values = [_default(each) for each in node.args]
        if not any(each is _MISSING for each in values):
            return _FACTORIES[last_name(node)](*values)
    if isinstance(node, ast.Call) and last_name(node) in _AS_GIVEN and len(node.args) == 1:
        return _default(node.args[0])
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items = [_default(each) for each in node.elts]
        return _MISSING if any(each is _MISSING for each in items) else items
    if isinstance(node, ast.Dict):
        keys, values = ([_default(each) for each in part] for part in (node.keys, node.values))
        missing = any(each is _MISSING for each in (*keys, *values))
        return _MISSING if missing else dict(zip(keys, values, strict=True))
    if isinstance(node, ast.Constant) and node.value is ...:
        return _MISSING
    try:
        value = ast.literal_eval(node) if node is not None else _MISSING
    except ValueError:
        return _MISSING
    return value if not isinstance(value, complex) else _MISSING


def _made(factory: ast.expr) -> Any:
    """What a default_factory makes."""
    if isinstance(factory, ast.Lambda):
        return _default(factory.body)
    return _FACTORIES[last_name(factory)]() if last_name(factory) in _FACTORIES else _MISSING


def _word(key: str, value: Any) -> str:
    """The value of a key; a type stands bare where YAML reads it as text."""
    plain = key == "type" and all(each not in value for each in ",[]{}#:'\"|")
    return str(value) if plain else yaml(key, value)


def _key(name: str) -> str:
    """A name as a key of YAML: quoted where YAML would take it for something else."""
    plain = name.isidentifier() and name.lower() not in ("y", "n", "yes", "no", "on", "off", "null")
    return name if plain and name.lower() not in ("true", "false") else yaml("", name)
