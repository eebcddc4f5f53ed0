"""StateMachine: which state there is, and which comes next. It runs nothing."""

import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from theus import _kernel
from theus._drawing import draw_machine
from theus._machine import Definition, Machine, Move, State, Step, load_machine
from theus._picture import Picture
from theus.errors import ConfigError
from theus.interfaces import IEngine

__all__ = ["State", "StateMachine", "Transition"]

_log = logging.getLogger("FSM")


class Transition(NamedTuple):
    """A move that was made.

    Attributes:
        number: 1 for the first of its machine.
        source: the state that was left.
        event: what made it move.
        target: the state that was entered.
        at: when, in seconds since the epoch.
    """

    number: int
    source: str
    event: str
    target: str
    at: float


class StateMachine:
    """Says which state there is, and moves where an event leads.

    Args:
        definition: a dict, the path of a YAML file, or YAML of several lines.
        start_state: where to begin; None: where the definition says, else in ``"IDLE"``.
        engine: whose processes the definition may name, and who evaluates its conditions. Without
            one any name is accepted, and an event with a condition cannot be triggered.
        history: how many transitions are kept.

    Raises:
        ConfigError: the definition is malformed: a key or name that means nothing, no start, a
            state that cannot be reached. The text lists every problem with its place.
        FileNotFoundError: there is no such file.

    Any number of threads may use it; one event is decided after the other.

    >>> watering = StateMachine({
    ...     "initial": "DRY",
    ...     "states": {
    ...         "DRY": {"on": {"CMD_WATER": "WET"}},
    ...         "WET": {"entry": ["open_valve", "close_valve"], "on": {"EVT_CHAIN_DONE": "DRY"}},
    ...     },
    ... })
    >>> watering.trigger("CMD_WATER"), watering.current_state
    (['open_valve', 'close_valve'], 'WET')
    >>> watering.trigger("CMD_WATER"), watering.current_state
    ([], 'WET')
    """

    def __init__(
        self,
        definition: Definition,
        start_state: str | None = None,
        *,
        engine: IEngine | None = None,
        history: int = 1000,
    ) -> None:
        self._machine: Machine = load_machine(definition, start_state, engine)
        self._engine = engine
        self._lock = threading.RLock()  # protects what follows: where the machine is
        self._current = self._machine.states[self._machine.start]
        self._count = 0
        self._history: deque[Transition] = deque(maxlen=history)
        self.context_data: dict[str, Any] = {}
        """A place for what belongs to this machine; it is yours."""

    @property
    def name(self) -> str:
        """What the definition calls it, or ``""``."""
        return self._machine.name

    @property
    def states(self) -> Mapping[str, State]:
        """The states by name, in the order of the definition."""
        return self._machine.states

    @property
    def current_state(self) -> str:
        """The name of the state it is in."""
        return self._current.name

    def get_current_state(self) -> str:
        """The name of the state it is in."""
        return self._current.name

    @property
    def history(self) -> tuple[Transition, ...]:
        """The last transitions, the oldest first."""
        with self._lock:
            return tuple(self._history)

    def trigger(self, event: object) -> list[Step]:
        """Move where an event leads, and give what is to run there.

        An event that the state does not know, or whose conditions do not hold, gives ``[]`` and
        changes nothing. Raises what a condition raises, and ConfigError for a condition where there
        is no engine to evaluate it; the machine has not moved then.
        """
        made = self._advance(event)
        return [] if made is None else list(self.states[made.target].entry)

    def _advance(self, event: object) -> Transition | None:
        """Move, and say how; None: nothing has changed."""
        with self._lock:
            before = self._current
            way = self._way(before, event)
            if way is None:
                _log.debug("%s stays in %s: %r leads nowhere", self.name, before.name, event)
                return None
            self._current = self._machine.states[way.target]
            self._count += 1
            made = Transition(
                self._count, before.name, str(event), way.target, _kernel._now() / 1e9
            )
            self._history.append(made)
        _log.debug("%s: %s -> %s on %s", self.name, made.source, made.target, made.event)
        return made

    def _way(self, state: State, event: object) -> Move | None:
        if not isinstance(event, str):
            return None
        for move in state.on.get(event, ()):
            if not move.when or self._holds(move):
                return move
        return None

    def _holds(self, move: Move) -> bool:
        evaluate = getattr(self._engine, "evaluate_condition", None)
        if evaluate is None:
            raise ConfigError(
                f"{move.place}: nobody can evaluate {move.when!r}; give StateMachine an engine"
            )
        return bool(evaluate(move.when))

    def __repr__(self) -> str:
        return f"<StateMachine {self.name!r} in {self.current_state!r}, {len(self.states)} states>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the machine, with the current state marked."""
        return self._draw()._repr_mimebundle_()

    def _draw(self) -> Picture:
        return draw_machine(self._machine, self.current_state)
