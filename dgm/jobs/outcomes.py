"""The worker boundary: a job whose worker failed becomes a `void` result that says why and what it had paid."""

from __future__ import annotations

import contextlib
import traceback
from datetime import UTC, datetime

from archive import ExpansionOutcome, Outcome
from dgm.jobs.base import EvaluateJob, EvaluateResult, ExpandResult, Job, Result
from dgm.jobs.texts import clipped, one_line
from dgm.llm import JournalError, RolloutRecord
from dgm.llm.recordings import paid


def voided(job: Job, error: BaseException, record: RolloutRecord | None = None) -> Result:
    """The result of a job that the machine did not do. Never evidence.

    Without a `record`, what the job had paid for is read from its journal.
    """
    detail = one_line(f"{type(error).__name__}: {error}")
    log = clipped("".join(traceback.format_exception(error)).encode("utf-8", "replace"))
    now = datetime.now(UTC)
    if isinstance(job, EvaluateJob):
        return EvaluateResult(
            id=job.id,
            decision=job.decision,
            attempt=job.attempt,
            outcome=Outcome.VOID,
            detail=detail,
            record=record or _paid(job, "solve"),
            log=log,
            started=now,
        )
    return ExpandResult(
        id=job.id,
        decision=job.decision,
        attempt=job.attempt,
        outcome=ExpansionOutcome.VOID,
        detail=detail,
        brief=job.brief.encode(),
        record=record or _paid(job, "improve"),
        log=log,
        started=now,
    )


def _paid(job: Job, role: str) -> RolloutRecord | None:
    with contextlib.suppress(JournalError):  # then the journal's own rollout will say so
        return paid(job.journal, job.id, role)
    return None
