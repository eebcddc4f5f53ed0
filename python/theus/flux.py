"""Workflows a step at a time; see ``TheusEngine.start_workflow``."""

from theus._flux import WorkflowRun, WorkflowStep

__all__ = ["WorkflowRun", "WorkflowStep"]
