"""Places of the state as a check compares them: steps from the root, some of them unknown."""

import difflib
from collections.abc import Iterable
from typing import Any, TypeAlias

Place: TypeAlias = tuple[Any, ...]
"""Steps as theus._binding.steps_of gives them; ``"*"`` stands for what is not known."""


def below(up: Place, down: Place) -> bool:
    """Whether a place equals another or lies below it; ``*`` may be anything.

    >>> below(("domain_ctx", "users"), ("domain_ctx", "users", ("ada",)))
    True
    """
    return len(up) <= len(down) and all(map(_same, up, down))


def _same(one: Any, other: Any) -> bool:
    return "*" in (one, other) or name_of(one) == name_of(other)


def name_of(step: Any) -> str:
    """The text of a step.

    >>> name_of(("a.b",)), name_of(3)
    ('a.b', '3')
    """
    return step[0] if isinstance(step, tuple) else str(step)


def spell(place: Place) -> str:
    """A place as users write it.

    >>> spell(("domain_ctx", "rows", 3, ("a.b",), "*"))
    'domain_ctx.rows[3]["a.b"].*'
    """
    text = ""
    for step in place:
        if isinstance(step, tuple) and not step[0].isidentifier():
            text += '["' + step[0].replace("\\", "\\\\").replace('"', '\\"') + '"]'
        elif isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{name_of(step)}"
    return text.removeprefix(".") or "ctx"


def nearest(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, or "".

    >>> nearest("balence", ["balance", "rate"])
    'balance'
    """
    return next(iter(difflib.get_close_matches(name, list(names), 1)), "")
