"""Recipes as values: what a file says, or what a program builds. The kernel checks both."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theus import _kernel
from theus._schema import ContextSchema, load_schema
from theus._yaml import limit, yaml
from theus.errors import ConfigError

_SETTINGS = {
    "level": "level",
    "threshold": "max_threshold",
    "max_threshold": "max_threshold",
    "min_threshold": "min_threshold",
    "reset_on_success": "reset_on_success",
    "message": "message",
}


@dataclass
class RuleSpec:
    """One condition on one field.

    Attributes:
        target_field: an argument of the process, or a path, whose parts may be calls ``name()``;
            ``""`` of a check.
        condition: min, max, eq, neq, min_len, max_len, regex, in, not_in, type, not_null, finite,
            shape, dtype, nbytes or check.
        value: what the condition compares with; of a check its expression.
        level: S stops the engine, A and B refuse the process, C warns, I logs.
        min_threshold: from this violation on each is an early warning; 0 is never.
        max_threshold: at this violation the level acts, and the count starts over.
        reset_on_success: whether a value that passes sets the count to 0.
        message: the text of the error, instead of the usual one.
    """

    target_field: str
    condition: str
    value: Any
    level: str = "C"
    min_threshold: int = 0
    max_threshold: int = 1
    reset_on_success: bool = True
    message: str | None = None


@dataclass
class ProcessRecipe:
    """The rules of one process. ``inherits`` names other entries whose rules hold too."""

    process_name: str
    input_rules: list[RuleSpec] = field(default_factory=list)
    output_rules: list[RuleSpec] = field(default_factory=list)
    side_effects: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    inherits: str | list[str] | None = None


@dataclass
class AuditRecipe:
    """The rules of all processes, by name; a name that starts with ``_`` is a template.

    Attributes:
        definitions: what holds, with what is inherited where it was read from a file.
        source: the file it was read from, or ``""``; ``reload_audit`` reads it again.
    """

    definitions: dict[str, ProcessRecipe] = field(default_factory=dict)
    source: str = ""
    _text: str = field(default="", repr=False, compare=False)
    _as_read: dict[str, ProcessRecipe] = field(default_factory=dict, repr=False, compare=False)

    def _wording(self) -> tuple[str, str, bool]:
        """(name, text, built) for the kernel: the file as it was, unless a program changed it."""
        if self._text and self.definitions == self._as_read:
            return self.source, self._text, False
        return self.source or "recipe", _document(self.definitions), True


class ConfigFactory:
    """Reads recipes and schemas."""

    @staticmethod
    def load_schema(path: str | os.PathLike[str]) -> ContextSchema:
        """Read a schema from a YAML file.

        Raises:
            FileNotFoundError: there is no such file.
            ConfigError: it is malformed; the text lists every mistake as file:line:column. What its
                types mean is looked at when it is given to an engine.
        """
        return load_schema(path)

    @staticmethod
    def load_recipe(path: str | os.PathLike[str]) -> AuditRecipe:
        """Read a recipe from a YAML file.

        Raises:
            FileNotFoundError: there is no such file.
            ConfigError: it is malformed; the text lists every mistake as file:line:column.
        """
        name = os.fspath(path)
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"Invalid Recipe: {name}: this is not UTF-8 text") from error
        described = json.loads(_kernel.describe_recipe(name, text, False))
        return AuditRecipe(_definitions(described), name, text, _definitions(described))

    @staticmethod
    def _parse_rules_from_dict(mapping: Mapping[str, Any]) -> list[RuleSpec]:
        """The rules of one mapping: each key that is no setting is a condition.

        >>> rule = {"field": "domain.x", "min": 1, "max": 2, "level": "B"}
        >>> [each.condition for each in ConfigFactory._parse_rules_from_dict(rule)]
        ['min', 'max']
        """
        if "field" not in mapping and "check" not in mapping:
            raise ConfigError("this rule has no field; say what it looks at")
        settings = {_SETTINGS[key]: value for key, value in mapping.items() if key in _SETTINGS}
        conditions = {
            key: value for key, value in mapping.items() if key != "field" and key not in _SETTINGS
        }
        return [
            RuleSpec(mapping.get("field", ""), condition, value, **settings)
            for condition, value in conditions.items()
        ]


def _definitions(described: list[dict[str, Any]]) -> dict[str, ProcessRecipe]:
    """What the kernel read, as values."""
    return {
        each["name"]: ProcessRecipe(
            each["name"],
            [_rule(rule) for rule in each["inputs"]],
            [_rule(rule) for rule in each["outputs"]],
            each["side_effects"],
            each["errors"],
        )
        for each in described
    }


def _rule(rule: dict[str, Any]) -> RuleSpec:
    return RuleSpec(
        rule["field"],
        rule["condition"],
        limit(rule["limit"]),
        rule["level"],
        rule["min_threshold"],
        rule["max_threshold"],
        rule["reset_on_success"],
        rule["message"] or None,
    )


def _document(definitions: Mapping[str, ProcessRecipe]) -> str:
    """The YAML of values that a program built."""
    if not isinstance(definitions, Mapping):
        raise ConfigError(f"the definitions of an AuditRecipe are a dict, not {definitions!r}")
    entries = {}
    for name, each in definitions.items():
        if not isinstance(each, ProcessRecipe):
            raise ConfigError(f"the definition of {name!r} is a ProcessRecipe, not {each!r}")
        entries[name] = {
            "inputs": [_mapping(name, rule) for rule in each.input_rules],
            "outputs": [_mapping(name, rule) for rule in each.output_rules],
            "side_effects": list(each.side_effects),
            "errors": list(each.errors),
            **({} if each.inherits is None else {"inherits": each.inherits}),
        }
    return yaml("process_recipes", {"process_recipes": entries})


def _mapping(name: str, rule: RuleSpec) -> dict[str, Any]:
    if not isinstance(rule, RuleSpec):
        raise ConfigError(f"a rule of {name!r} is a RuleSpec, not {rule!r}")
    unnamed = rule.condition == "check" and rule.target_field == ""
    said = {
        **({} if unnamed else {"field": rule.target_field}),
        rule.condition: rule.value,
        "level": rule.level,
        "min_threshold": rule.min_threshold,
        "max_threshold": rule.max_threshold,
        "reset_on_success": rule.reset_on_success,
    }
    return said if rule.message is None else {**said, "message": rule.message}
