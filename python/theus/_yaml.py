"""Values as the YAML that the kernel reads, and back from its JSON."""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from theus.errors import ConfigError


def limit(value: Any) -> Any:
    """A limit from the JSON of the kernel, see Describe in core/audit."""
    if isinstance(value, list):
        return [limit(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "float" in value:
        return float(value["float"])
    if "bytes" in value:
        return base64.b64decode(value["bytes"])
    return {limit(key): limit(item) for key, item in value["map"]}


def yaml(where: str, value: Any) -> str:
    """A value in YAML's flow style, which JSON is but for a few things.

    >>> yaml("x", {"a": [1, 2.5, float("inf"), None, True, b"x", "é"]})
    '{"a": [1, 2.5, .inf, null, true, !!binary "eA==", "é"]}'
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float.__repr__(value)
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, bytes):
        return f'!!binary "{base64.b64encode(value).decode()}"'
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(yaml(where, item) for item in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{yaml(where, key)}: {yaml(key, item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    raise ConfigError(f"{where!s}: {value!r} cannot be compared with; write it as plain data")
