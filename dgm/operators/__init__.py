"""Operators: what an expansion is asked to do."""

from dgm.operators.base import Brief, Operator
from dgm.operators.mixed import Mixed, drawn_by, mix_of
from dgm.operators.redraw import Redraw
from dgm.operators.same_agent_many_tasks import SameAgentManyTasks
from dgm.operators.single_failure import SingleFailure
from dgm.operators.two_lineages_one_task import TwoLineagesOneTask

__all__ = [
    "Brief",
    "Mixed",
    "Operator",
    "Redraw",
    "SameAgentManyTasks",
    "SingleFailure",
    "TwoLineagesOneTask",
    "drawn_by",
    "mix_of",
]
