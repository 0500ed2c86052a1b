"""The worker boundary: a job whose worker failed becomes a `void` result that says why."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

from archive import ExpansionOutcome, Outcome
from dgm.jobs.base import EvaluateJob, EvaluateResult, ExpandResult, Job, Result


def voided(job: Job, error: BaseException) -> Result:
    """The result of a job that the machine did not do. Never evidence."""
    detail = f"{type(error).__name__}: {error}"
    log = "".join(traceback.format_exception(error)).encode()
    now = datetime.now(UTC)
    if isinstance(job, EvaluateJob):
        return EvaluateResult(
            id=job.id,
            decision=job.decision,
            attempt=job.attempt,
            outcome=Outcome.VOID,
            detail=detail,
            log=log,
            started=now,
        )
    return ExpandResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=ExpansionOutcome.VOID,
        detail=detail,
        log=log,
        started=now,
    )
