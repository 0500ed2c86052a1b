"""What many jobs have in common, in the object store: it travels to a node once, not with every job."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ray

from dgm.jobs import EvaluateJob, Job

KEPT = 64
"""How many trees and tasks stay in the object store, those last used; what a job in flight needs stays besides."""


class Parts:
    """Agents' trees and tasks, each put into the object store when a job first needs it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[object, Any]] = OrderedDict()

    def taken_out(self, job: Job) -> tuple[Job, tuple[str, ...], list[Any]]:
        """The job without its parts, the names of those fields, and references to what was in them."""
        names, references = [], []
        for name, key in _parts(job):
            names.append(name)
            references.append(self._reference(key, getattr(job, name)))
        bare: dict[str, Any] = dict.fromkeys(names)
        return replace(job, **bare), tuple(names), references

    def forget(self, job: Job) -> None:
        """Let go of what this job needed: it may be lost."""
        for _, key in _parts(job):
            self._kept.pop(key, None)

    def _reference(self, key: tuple[str, str], value: object) -> Any:
        held, reference = self._kept.pop(key, (None, None))
        if held != value:
            reference = ray.put(value)
        self._kept[key] = value, reference
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return reference


def _parts(job: Job) -> Iterator[tuple[str, tuple[str, str]]]:
    """Fields that other jobs have alike, and by what they are known."""
    if isinstance(job, EvaluateJob):
        yield "tree", ("agent", job.agent)
        yield "task", ("task", "" if job.task is None else job.task.id)
    else:
        yield "tree", ("agent", job.parent)
        yield "improver", ("agent", job.parent) if job.improver is job.tree else ("improver", "")
