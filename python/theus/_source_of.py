"""The source of a context from a schema: a dataclass for each layer and each object."""

import ast
import keyword
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from theus.config import ContextSchema, FieldSpec
from theus.errors import ConfigError

_NAMES = {"string": "str", "integer": "int", "boolean": "bool", "none": "None", "any": "Any"}
# Where the names come from that types may use.
_IMPORTS = {
    "collections": ["deque"],
    "datetime": ["date", "datetime", "time", "timedelta"],
    "decimal": ["Decimal"],
    "fractions": ["Fraction"],
    "pathlib": ["Path"],
    "typing": ["Any", "Literal", "Optional", "Union"],
    "uuid": ["UUID"],
}
# How a value of YAML becomes one of these types.
_MADE = {
    "Decimal": "Decimal", "Fraction": "Fraction", "Path": "Path", "UUID": "UUID",
    "date": "date.fromisoformat", "datetime": "datetime.fromisoformat",
    "time": "time.fromisoformat",
}  # fmt: skip
_LAYERS = {
    "AppGlobal": ("BaseGlobalContext", "Settings and limits."),
    "AppDomain": ("BaseDomainContext", "The state that processes work on."),
}
_CLASS = '''

@dataclass(kw_only=True)
class {name}{base}:
    """{words}"""
'''
_ROOT = '''

@dataclass
class SystemContext(BaseSystemContext):
    """The root of the context."""

    global_ctx: AppGlobal
    domain_ctx: AppDomain
'''


def code_of(schema: ContextSchema, where: str) -> str:
    """Source whose schema is this one.

    Raises ConfigError for a name that Python does not take; where is the file it stands in.
    """
    body = ""
    for name, fields in schema.objects.items():
        if name in _LAYERS or name == "SystemContext":
            raise ConfigError(
                f"{where}: the object {name!r} has the name of a class of the context"
            )
        body += _class(name, "", "Part of the state.", fields, where)
    for name, fields in zip(_LAYERS, (schema.global_fields, schema.domain_fields), strict=True):
        base, words = _LAYERS[name]
        body += _class(name, f"({base})", words, fields, where)
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    return _head(used, bool(schema.objects), where) + body + _ROOT


def _head(used: set[str], objects: bool, where: str) -> str:
    """The docstring and what the code imports."""
    lines = [f'"""The context, made from {Path(where).name} by theus schema code."""', ""]
    if objects:  # they may name each other in any order
        lines += ["from __future__ import annotations", ""]
    modules = {
        module: [name for name in names if name in used] for module, names in _IMPORTS.items()
    }
    modules["dataclasses"] = ["dataclass", *(["field"] if "field" in used else [])]
    lines += [
        f"from {module} import {', '.join(names)}"
        for module, names in sorted(modules.items())
        if names
    ]
    return "\n".join(
        [
            *lines,
            "",
            "from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext",
            "",
        ]
    )


def _class(name: str, base: str, words: str, fields: Mapping[str, FieldSpec], where: str) -> str:
    _check(name, where)
    lines = "".join(f"{_line(each, where)}\n" for each in fields.values())
    return _CLASS.format(name=name, base=base, words=words) + (f"\n{lines}" if lines else "")


def _line(each: FieldSpec, where: str) -> str:
    """A field of a dataclass."""
    _check(each.name, where)
    kind = _annotation(each.type, where)
    if not each.required:
        kind += " | None"
    if each.default is None:
        return f"    {each.name}: {kind}{'' if each.required else ' = None'}"
    word = each.type.partition("[")[0].strip()
    made = _literal(each.default)
    if word in _MADE and not isinstance(each.default, dict | bool):
        made = f"{_MADE[word]}({made})"
    elif isinstance(each.default, list) and word in ("tuple", "frozenset"):
        made = f"{word}({made})"
    elif isinstance(each.default, list | dict):
        kept = isinstance(each.default, list) and word in ("set", "deque")
        factory = word if kept else type(each.default).__name__
        if each.default:
            factory = f"lambda: {word}({made})" if kept else f"lambda: {made}"
        return f"    {each.name}: {kind} = field(default_factory={factory})"
    return f"    {each.name}: {kind} = {made}"


def _check(name: str, where: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigError(f"{where}: {name!r} cannot be a name in Python")


class _Words(ast.NodeTransformer):
    """The words of a schema as Python's own."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(_NAMES.get(node.id, node.id), node.ctx)


def _annotation(words: str, where: str) -> str:
    """A type of a schema as an annotation.

    >>> _annotation("dict[string, list[integer] | none]", "x")
    'dict[str, list[int] | None]'
    """
    try:
        tree = ast.parse(words.strip(), mode="eval")
    except SyntaxError as error:
        raise ConfigError(
            f"{where}: there is no way to write the type {words!r} in Python"
        ) from error
    return ast.unparse(_Words().visit(tree))


def _literal(value: Any) -> str:
    """A value of YAML as Python writes it.

    >>> _literal([1, float("inf"), {"a": None}])
    "[1, float('inf'), {'a': None}]"
    """
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items())
        return f"{{{inside}}}"
    return repr(value)
