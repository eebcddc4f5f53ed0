"""What a process finds on its ``ctx`` besides the context: the logger ``ctx.log``."""

import logging
from collections.abc import Mapping
from typing import Any

__all__ = ["ContextLoggerAdapter"]

_OF_LOGGING = frozenset(("exc_info", "stack_info", "stacklevel", "extra"))


class ContextLoggerAdapter(logging.LoggerAdapter[logging.Logger]):
    """A logger that says which process is speaking: ``[<process>]`` first, keyword arguments last.

    Args:
        logger: where the records go; ``ctx.log`` uses the logger ``POP_PROCESS``.
        extra: ``{"process": name}``.

    >>> import logging, sys
    >>> logger = logging.Logger("example")
    >>> logger.addHandler(logging.StreamHandler(sys.stdout))
    >>> ContextLoggerAdapter(logger, {"process": "act"}).info("moved %d", 3, x=1, y=2)
    [act] moved 3 {x=1, y=2}
    """

    def __init__(self, logger: logging.Logger, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(logger, dict(extra or {}))

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log msg with the process before it and keyword arguments as ``{key=value}`` after it."""
        if not self.isEnabledFor(level):
            return
        fields = {key: kwargs.pop(key) for key in list(kwargs) if key not in _OF_LOGGING}
        listed = ", ".join(f"{key}={value}" for key, value in fields.items())
        head = f"[{(self.extra or {}).get('process', 'Unknown')}] "
        tail = f" {{{listed}}}" if fields else ""
        if args:  # only then does logging read % in the text
            head, tail = head.replace("%", "%%"), tail.replace("%", "%%")
        # One frame more than logging knows of stands between the caller and the record.
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        self.logger.log(level, f"{head}{msg}{tail}", *args, **kwargs)
