"""Recipes: what an audit goes by, as a file or as values."""

from theus._recipe import AuditRecipe, ConfigFactory, ProcessRecipe, RuleSpec
from theus.errors import ConfigError

__all__ = ["AuditRecipe", "ConfigError", "ConfigFactory", "ProcessRecipe", "RuleSpec"]
