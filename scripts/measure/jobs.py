"""One evaluation as a search asks for it, for those who look at what it costs."""

from __future__ import annotations

from archive import AgentId, Split
from dgm.benchmarks.base import Task
from dgm.jobs.base import EvaluateJob
from dgm.jobs.manifest import Manifest
from dgm.llm import Allowance
from sandbox import Files, Limits


def evaluation(task: Task, tree: Files, manifest: Manifest, number: int) -> EvaluateJob:
    return EvaluateJob(
        id=f"perf{number:08}",
        decision=number,
        attempt=1,
        agent=AgentId("0" * 40),
        tree=tree,
        manifest=manifest,
        task=task,
        split=Split.SEARCH,
        repeat=0,
        sample=bytes(16),
        seconds=Limits().seconds,
        allowance=Allowance(),
        journal=None,
    )
