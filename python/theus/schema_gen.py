"""Schemas from the source of a context, which is read and not imported."""

import ast
import os
from collections.abc import Mapping
from typing import Any

from theus._fields import Field, last_name, layers_of, read_classes, unwrapped
from theus._yaml import yaml

__all__ = ["generate_schema_from_file"]

WORDS = {
    "str": "string",
    "int": "integer",
    "float": "float",
    "bool": "boolean",
    "list": "list",
    "List": "list",
    "dict": "dict",
    "Dict": "dict",
}
"""Type words of a schema by the names that Python's annotations have for them."""
_FACTORIES = {"list": list, "dict": dict, "set": list, "str": str, "int": int, "float": float}
_MISSING = object()


def generate_schema_from_file(context_path: str | os.PathLike[str]) -> dict[str, Any]:
    """The schema of the annotated fields of classes with ``Global`` or ``Domain`` in their names.

    Types come from the annotations; what the schema has no word for is ``any``. A field that may
    be None is not required. Defaults are kept where they are written out as plain values.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is no Python, with its place.
    """
    layers = layers_of(read_classes([context_path]))
    context: dict[str, Any] = {}
    for layer, classes in layers.items():
        fields = {name: each for cls in classes for name, each in cls.fields.items()}
        context[layer] = {
            name: _described(each)
            for name, each in fields.items()
            if each.annotation is not None and not name.startswith("_")
        }
    return {"context": context}


def schema_text(schema: Mapping[str, Any]) -> str:
    """A schema as YAML, a field a line.

    >>> fields = {"global": {}, "domain": {"sum": {"type": "integer"}}}
    >>> print(schema_text({"context": fields}), end="")
    context:
      global: {}
      domain:
        sum: {type: integer}
    """
    lines = ["context:"]
    for layer, fields in schema["context"].items():
        lines.append(f"  {layer}:" if fields else f"  {layer}: {{}}")
        for name, said in fields.items():
            parts = (f"{key}: {_word(key, value)}" for key, value in said.items())
            lines.append(f"    {_key(name)}: {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n"


def _described(each: Field) -> dict[str, Any]:
    """What a schema says of a field."""
    kind, optional = unwrapped(each.annotation)
    said: dict[str, Any] = {"type": WORDS.get(last_name(kind), "any")}
    default = _default(each.default)
    if optional:
        said["required"] = False
    if default is not _MISSING and not (default is None and optional):
        said["default"] = default
    return said


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
    if isinstance(node, ast.Constant) and node.value is ...:
        return _MISSING
    try:
        return ast.literal_eval(node) if node is not None else _MISSING
    except ValueError:
        return _MISSING


def _made(factory: ast.expr) -> Any:
    """What a default_factory makes."""
    if isinstance(factory, ast.Lambda):
        return _default(factory.body)
    return _FACTORIES[last_name(factory)]() if last_name(factory) in _FACTORIES else _MISSING


def _word(key: str, value: Any) -> str:
    return value if key == "type" else yaml(key, value)


def _key(name: str) -> str:
    """A name as a key of YAML: quoted where YAML would take it for something else."""
    plain = name.isidentifier() and name.lower() not in ("y", "n", "yes", "no", "on", "off", "null")
    return name if plain and name.lower() not in ("true", "false") else yaml("", name)
