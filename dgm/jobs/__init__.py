"""Jobs: what runs on a node, as functions of values."""

from dgm.jobs.base import (
    Doors,
    EvaluateJob,
    EvaluateResult,
    Evidence,
    ExpandJob,
    ExpandResult,
    Job,
    NodeServices,
    Result,
    rollouts,
)
from dgm.jobs.outcomes import voided
from dgm.jobs.rollout import PROVIDER_DOWN

__all__ = [
    "PROVIDER_DOWN",
    "Doors",
    "EvaluateJob",
    "EvaluateResult",
    "Evidence",
    "ExpandJob",
    "ExpandResult",
    "Job",
    "NodeServices",
    "Result",
    "rollouts",
    "voided",
]
