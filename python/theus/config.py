"""Recipes and schemas: what an engine judges by, as a file or as values."""

from theus._recipe import AuditRecipe, ConfigFactory, ProcessRecipe, RuleSpec
from theus._schema import ContextSchema, FieldSpec
from theus.errors import ConfigError, SchemaViolationError

__all__ = [
    "AuditRecipe",
    "ConfigError",
    "ConfigFactory",
    "ContextSchema",
    "FieldSpec",
    "ProcessRecipe",
    "RuleSpec",
    "SchemaViolationError",
]
