"""What a new engine is given, checked once."""

import os
import re
from typing import TYPE_CHECKING

from theus._kernel import Supplied
from theus.errors import ConfigError, ContractDefinitionError

if TYPE_CHECKING:
    from theus._process import ProcessContract

_LAYERS = ("domain", "global", "domain_ctx", "global_ctx")

_MODES = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def resolve_mode(strict_mode: bool | None) -> bool:
    """The mode an engine runs in: the argument, else a variable, else strict.

    >>> resolve_mode(False)
    False
    """
    if isinstance(strict_mode, bool):
        return strict_mode
    if strict_mode is not None:
        raise TypeError(f"strict_mode is {strict_mode!r}; write True, False or None")
    for variable in ("THEUS_STRICT_MODE", "POP_STRICT_MODE"):
        text = os.environ.get(variable, "").strip()
        if not text:
            continue
        if text.lower() not in _MODES:
            raise ConfigError(
                f"the environment variable {variable} is {text!r}\n"
                f"  it may be:  {', '.join(_MODES)}\n"
                f"  fix:        set {variable}=1 for strict mode or {variable}=0 for training"
            )
        return _MODES[text.lower()]
    return True


def check_root(system_ctx: object, strict: bool) -> None:
    """Refuse what cannot be the root of a context, with the reason and the fix."""
    kind = type(system_ctx).__name__
    missing = [name for name in ("global_ctx", "domain_ctx") if not hasattr(system_ctx, name)]
    if missing:
        if isinstance(system_ctx, type):
            kind = f"class {system_ctx.__name__}"
            fix = f"give an instance: TheusEngine({system_ctx.__name__}(...))"
        else:
            fix = (
                f"wrap it: TheusEngine(BaseSystemContext(global_ctx=None, domain_ctx=...)), or give"
                f" {kind} the attributes global_ctx and domain_ctx; either may be None"
            )
        raise TypeError(
            f"a system context has two layers, but this {kind} has no {' and no '.join(missing)}\n"
            f"  fix:  {fix}"
        )
    for name in ("local", "log") if strict else ():
        if _has_own(system_ctx, name):
            raise TypeError(
                f"this {kind} has a field {name!r}, which in a process means ctx.{name} of Theus\n"
                f"  fix:  rename the field"
            )


def check_layers(name: str, contract: "ProcessContract", system_ctx: object) -> None:
    """Refuse entries whose first name is no field of the context, where a layer was meant.

    Other names may be fields that the context has yet to get.
    """
    entries = [(entry, "input") for entry in contract.inputs]
    entries += [(entry, "output") for entry in contract.outputs]
    for entry, what in entries:
        first = re.split(r"[.\[]", entry, maxsplit=1)[0]
        if first in _LAYERS or hasattr(system_ctx, first):
            continue
        meant = _layer(first, system_ctx)
        if meant:
            hint = f'write "{meant + entry[len(first) :]}"'
            raise ContractDefinitionError(
                f"Invalid Contract: {what} {entry!r} of process {name!r}: the context has no"
                f" {first!r}\n  fix:  {hint}",
                process=name,
                hint=hint,
            )


def _layer(first: str, system_ctx: object) -> str:
    """What a path should have begun with instead of first, or ``""``."""
    from difflib import get_close_matches  # noqa: PLC0415  nobody needs it who spells well

    near = get_close_matches(first, _LAYERS, n=1, cutoff=0.75)
    if near:
        return near[0]
    for layer in ("domain", "global"):
        if hasattr(getattr(system_ctx, f"{layer}_ctx", None), first):
            return f"{layer}.{first}"
    return ""


def _has_own(value: object, name: str) -> bool:
    """Whether value has the attribute by itself: not through a ``__getattr__`` that has them all,
    and not from a call of training mode inside of which it is asked.

    ``__dict__`` would tell too, but reading it makes every later access of the object slower.
    """
    try:
        found = object.__getattribute__(value, name)
    except AttributeError:
        return False
    supplied = [cls.__dict__[name] for cls in type(value).__mro__ if name in cls.__dict__][:1]
    try:
        return not any(
            isinstance(each, Supplied) and each.__get__(value) is found for each in supplied
        )
    except AttributeError:
        return True
