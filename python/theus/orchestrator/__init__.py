"""State machines that run processes: the machine, the bus of events, the threads, the manager.

``docs/fsm.md`` tells what happens in which order.
"""

from theus.orchestrator.bus import SignalBus
from theus.orchestrator.executor import ThreadExecutor
from theus.orchestrator.fsm import State, StateMachine, Transition
from theus.orchestrator.manager import Completion, WorkflowManager

__all__ = [
    "Completion",
    "SignalBus",
    "State",
    "StateMachine",
    "ThreadExecutor",
    "Transition",
    "WorkflowManager",
]
