"""Schemas as values: what a file says, what a program built, or what the annotations say."""

import json
import os
import types
import typing
from collections import deque
from collections.abc import (
    Collection,
    Hashable,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import (
    Set as AbstractSet,
)
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from theus import _kernel
from theus._yaml import limit, yaml
from theus.errors import ConfigError

KNOWN: dict[str, type] = {
    "Decimal": Decimal,
    "Fraction": Fraction,
    "Path": Path,
    "UUID": UUID,
    "date": date,
    "datetime": datetime,
    "time": time,
    "timedelta": timedelta,
}
"""Classes that the types of a file may name, beside the words of the language."""


@dataclass
class FieldSpec:
    """What a schema says of one field.

    Attributes:
        name: of the field.
        type: as it was written: ``integer``, ``list[float]``, ``Bed | none``; see docs/schema.md.
        required: False lets the value be None as well.
        default: what ``theus schema code`` gives the field; the engine puts it nowhere.
    """

    name: str
    type: str = "string"
    required: bool = True
    default: Any = None


@dataclass
class ContextSchema:
    """Of what type the fields of a context are.

    Attributes:
        global_fields, domain_fields: by name; fields that are not named are free.
        objects: what stands below a field, by the name that types use.
        source: the file it was read from, or ``""``.
    """

    global_fields: dict[str, FieldSpec] = field(default_factory=dict)
    domain_fields: dict[str, FieldSpec] = field(default_factory=dict)
    objects: dict[str, dict[str, FieldSpec]] = field(default_factory=dict)
    source: str = ""
    _text: str = field(default="", repr=False, compare=False)
    _as_read: str = field(default="", repr=False, compare=False)
    _classes: dict[str, type] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build a schema of a mapping that is as a file is.

        Raises ConfigError where it is malformed; the text names every field.

        >>> level = {"type": "float", "default": 0.5}
        >>> schema = ContextSchema.from_dict({"domain": {"level": level}})
        >>> schema.domain_fields["level"]
        FieldSpec(name='level', type='float', required=True, default=0.5)
        """
        if not isinstance(data, Mapping):
            raise ConfigError(f"a schema is a dict with global and domain, not {data!r}")
        return cls._read("schema", yaml("schema", data), True)

    @classmethod
    def from_context(cls, ctx: object) -> Self:
        """Read the schema that the annotations of a context's classes say.

        It follows dataclasses, pydantic models, TypedDicts and plain annotated classes below the
        layers. A type that it cannot tell, such as a Protocol, is ``any``.

        Raises ConfigError where an annotation names something that does not exist.

        >>> from dataclasses import dataclass
        >>> from theus import BaseDomainContext, BaseSystemContext
        >>> @dataclass
        ... class Tank(BaseDomainContext):
        ...     level: float = 0.0
        ...     names: list[str] | None = None
        >>> schema = ContextSchema.from_context(BaseSystemContext(None, Tank()))
        >>> {name: field.type for name, field in schema.domain_fields.items()}
        {'level': 'float', 'names': 'list[string] | None'}
        """
        reader = _Annotations()
        layers = [
            reader.fields(type(layer)) if layer is not None else {}
            for layer in (getattr(ctx, "global_ctx", None), getattr(ctx, "domain_ctx", None))
        ]
        reader.finish()
        return cls(layers[0], layers[1], reader.objects, _classes=reader.classes)

    @classmethod
    def _read(cls, name: str, text: str, built: bool) -> Self:
        said = json.loads(_kernel.describe_schema(name, text, built))
        made = cls(
            _specs(said["global"]),
            _specs(said["domain"]),
            {each["name"]: _specs(each["fields"]) for each in said["objects"]},
            "" if built else name,
        )
        if not built:
            made._text, made._as_read = text, made._document()
        return made

    def _document(self) -> str:
        """The YAML of values that a program built or changed."""
        layers = {"global": _mappings(self.global_fields), "domain": _mappings(self.domain_fields)}
        objects = {name: _mappings(fields) for name, fields in self.objects.items()}
        return yaml("schema", {"context": layers, "objects": objects})

    def _wording(self) -> tuple[str, str, bool, dict[str, type]]:
        """(name, text, built, classes) for the kernel; the file as it was, if it is unchanged."""
        classes = {**KNOWN, **self._classes}
        document = self._document()
        if self._text and document == self._as_read:
            return self.source, self._text, False, classes
        return self.source or "schema", document, True, classes


def load_schema(path: str | os.PathLike[str]) -> ContextSchema:
    """Read a schema from a YAML file; see ConfigFactory."""
    name = os.fspath(path)
    try:
        text = Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"Invalid Schema: {name}: this is not UTF-8 text") from error
    return ContextSchema._read(name, text, False)


def _specs(listed: list[dict[str, Any]]) -> dict[str, FieldSpec]:
    return {
        each["name"]: FieldSpec(
            each["name"], each["type"], each["required"], limit(each["default"])
        )
        for each in listed
    }


def _mappings(fields: Mapping[str, FieldSpec]) -> dict[str, Any]:
    all_said = {}
    for name, spec in fields.items():
        if not isinstance(spec, FieldSpec):
            raise ConfigError(f"the field {name!r} is a FieldSpec, not {spec!r}")
        said: dict[str, Any] = {"type": spec.type, "required": spec.required}
        all_said[name] = said if spec.default is None else {**said, "default": spec.default}
    return all_said


_WORDS: dict[object, str] = {
    str: "string",
    int: "integer",
    float: "float",
    bool: "boolean",
    bytes: "bytes",
    bytearray: "bytearray",
    type(None): "None",
    None: "None",
}
_CONTAINERS: dict[object, str] = {
    list: "list",
    tuple: "tuple",
    dict: "dict",
    set: "set",
    frozenset: "frozenset",
    deque: "deque",
    MutableSequence: "list",
    Sequence: "list | tuple",
    AbstractSet: "set | frozenset",
    MutableSet: "set",
    Mapping: "dict",
    MutableMapping: "dict",
}
_FREE = (Any, object, Iterable, Collection, Hashable, typing.TypeVar)


class _Annotations:
    """Turns annotations into the types of a schema, and classes into its objects."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, FieldSpec]] = {}
        self.classes: dict[str, type] = {}
        self._named: dict[type, str] = {}
        self._waiting: list[type] = []

    def fields(self, cls: type) -> dict[str, FieldSpec]:
        """The annotated fields of a class, without private ones and class variables."""
        try:
            hints = _hints(cls)
        except (NameError, TypeError, SyntaxError) as error:
            raise ConfigError(
                f"the annotations of {cls.__qualname__} cannot be read: {error};"
                f" import the name where the class is, or leave the class out of the schema"
            ) from error
        return {
            name: FieldSpec(name, self.words(hint))
            for name, hint in hints.items()
            if not name.startswith("_") and typing.get_origin(hint) is not typing.ClassVar
        }

    def finish(self) -> None:
        """Read the classes that were met."""
        while self._waiting:
            cls = self._waiting.pop()
            self.objects[self._named[cls]] = self.fields(cls)

    def words(self, hint: Any) -> str:
        """One annotation in the words of a schema."""
        if isinstance(hint, typing.NewType):
            return self.words(hint.__supertype__)
        if isinstance(hint, type) and not typing.get_args(hint):
            return self._class(hint)
        if hint in _WORDS:
            return _WORDS[hint]
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self._union(args)
        if origin is typing.Literal:
            return self._literal(args)
        if origin in (typing.Annotated, typing.Final, typing.Required, typing.NotRequired):
            return self.words(args[0])
        if origin in _CONTAINERS:
            return self._container(_CONTAINERS[origin], [each for each in args if each is not ...])
        if not isinstance(origin, type):
            return "any"
        name = self._class(origin)
        if not issubclass(origin, list | dict | set | frozenset | deque) or name in self.objects:
            return name
        return self._container(name, list(args))

    def _union(self, args: tuple[Any, ...]) -> str:
        said = list(dict.fromkeys(self.words(each) for each in args))
        return "any" if "any" in said else " | ".join(said)

    def _literal(self, args: tuple[Any, ...]) -> str:
        if not all(isinstance(each, str | int | None) and _spells(each) for each in args):
            return "any"  # members of an Enum, bytes
        return f"Literal[{', '.join(map(repr, args))}]"

    def _container(self, words: str, args: list[Any]) -> str:
        inner = [self.words(each) for each in args]
        if not inner or all(each == "any" for each in inner):
            return words
        return " | ".join(f"{word}[{', '.join(inner)}]" for word in words.split(" | "))

    def _class(self, cls: type) -> str:
        if cls in _WORDS:
            return _WORDS[cls]
        if cls in _CONTAINERS:
            return _CONTAINERS[cls]
        if (
            cls in _FREE
            or getattr(cls, "_is_protocol", False)
            or cls.__module__ == "collections.abc"
        ):
            return "any"
        if typing.is_typeddict(cls):
            return self._object(cls, typed_dict=True)
        return self._object(cls, typed_dict=False)

    def _object(self, cls: type, *, typed_dict: bool) -> str:
        name = self._named.get(cls)
        if name is not None:
            return name
        name, taken = cls.__name__, 1
        while name in self.classes or name in self.objects or name in KNOWN or name in _RESERVED:
            if KNOWN.get(name) is cls:
                return name
            taken += 1
            name = f"{cls.__name__}_{taken}"
        self._named[cls] = name
        if not typed_dict:
            self.classes[name] = cls
        if typed_dict or _has_fields(cls):
            self.objects[name] = {}
            self._waiting.append(cls)
        return name


def _hints(cls: type) -> dict[str, Any]:
    """Annotations by name, with the names in them looked up; pydantic has looked up its own."""
    models: dict[str, Any] | None = getattr(cls, "__pydantic_fields__", None)
    if models is not None:
        return {name: each.annotation for name, each in models.items()}
    return typing.get_type_hints(cls)


_RESERVED = {
    *("Any", "Literal", "None", "Optional", "Union", "any", "bool", "boolean", "bytearray"),
    *("bytes", "deque", "dict", "float", "frozenset", "int", "integer", "list", "none", "null"),
    *("object", "set", "str", "string", "tuple"),
}


def _spells(value: str | int | None) -> bool:
    """Whether a literal is spelled in a schema as repr spells it."""
    if isinstance(value, str):
        return type(value) is str and value.isprintable() and "\\" not in value
    return value is None or type(value) is bool or (type(value) is int and abs(value) < 1 << 63)


def _has_fields(cls: type) -> bool:
    """Whether a class says of its own fields what they are: it is no class of a library in C."""
    return any("__annotations__" in base.__dict__ for base in cls.__mro__[:-1])
