"""What a pool owes the search: bounded jobs in flight, results in completion order, nothing raised by a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dgm.jobs import Job, Result


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number at this moment. `labels` tell it from others of its name."""

    name: str
    meaning: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Pool(Protocol):
    """Runs jobs somewhere. Used by one thread, the driver's.

    A job that dies with its worker, or raises, comes back as a result with outcome `void`, the reason in `detail`, the
    traceback in `log`, and what it had paid.
    """

    @property
    def slots(self) -> int:
        """How many jobs may run at once now; none on a cluster without nodes that take any. More may be submitted; they
        wait."""

    @property
    def running(self) -> int:
        """Jobs submitted whose results were not handed out yet."""

    def lack(self) -> str:
        """Why no job can run and what to do, nothing if one can. Asked by who has a job: it may see to a slot."""

    def resize(self, slots: int) -> None:
        """Let so many jobs run at once from now on, at least 1. Those that run beyond that end as they would have.

        On a cluster whose nodes come and go that is the most, and 0 is as many as it has.
        """

    def submit(self, job: Job) -> None: ...

    def next_finished(self, timeout_s: float | None = None) -> Result | None:
        """The next result in completion order; None when nothing finished in `timeout_s` seconds.

        With nothing running it waits out its time, if it was given one.
        """

    def publish(self, run: str, figures: Sequence[Figure]) -> None:
        """Make the figures of a run known to who watches these machines, if anybody does. Never raises."""

    def close(self) -> None:
        """Abandon what is still running and waiting, and release the node services. Idempotent."""
