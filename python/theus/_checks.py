"""What a new engine is given, checked once."""

import os

from theus.errors import ConfigError

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
        raise TypeError(
            f"a system context has two layers, but this {kind} has no {' and no '.join(missing)}\n"
            f"  fix:  derive {kind} from theus.BaseSystemContext, or give it the attributes"
            f" global_ctx and domain_ctx; either may be None"
        )
    for name in ("local", "log") if strict else ():
        if _has_own(system_ctx, name):
            raise TypeError(
                f"this {kind} has a field {name!r}, which in a process means ctx.{name} of Theus\n"
                f"  fix:  rename the field"
            )


def _has_own(value: object, name: str) -> bool:
    """Whether value has the attribute by itself, not through a ``__getattr__`` that has them all.

    ``__dict__`` would tell too, but reading it makes every later access of the object slower.
    """
    try:
        object.__getattribute__(value, name)
    except AttributeError:
        return False
    return True
