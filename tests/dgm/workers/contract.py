"""What every pool owes its search, as tests. Each pool gives its own `pool` fixture, with two slots."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from archive import Outcome
from dgm.jobs import EvaluateJob, EvaluateResult, Result
from dgm.jobs.services import NodeSettings
from dgm.llm.upstreams import Rehearsal
from dgm.workers import Pool
from sandbox import Level
from tests.dgm.jobs.agents import LIMITS, RIGHT, agent, evaluate_job

WRITE = f'work.joinpath("answer.py").write_text({RIGHT!r})\n'
SETTINGS = NodeSettings(level=Level.PROCESS, limits=LIMITS, upstream=Rehearsal(), slots=2, reap_s=0.5)


def job(n: int, solve: str = WRITE, **changes: object) -> EvaluateJob:
    return evaluate_job(agent(solve), id=f"{n:032x}", decision=n, **changes)


def napping(seconds: float) -> str:
    return f"began = time.time()\ntime.sleep({seconds})\n{WRITE}print(json.dumps([began, time.time()]))\n"


@contextmanager
def scratch_directory() -> Iterator[str]:
    """A temporary directory with a short path (Unix sockets lie below it), which nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="d", ignore_cleanup_errors=True) as directory:
        yield directory


def finish(pool: Pool, count: int, within_s: float = 120.0) -> list[Result]:
    """The next `count` results."""
    results: list[Result] = []
    end = time.monotonic() + within_s
    while len(results) < count:
        result = pool.next_finished(timeout_s=max(0.0, end - time.monotonic()))
        assert result is not None, f"{count - len(results)} jobs did not come back"
        results.append(result)
    return results


class PoolContract:
    def test_results_come_as_they_are_finished(self, pool: Pool) -> None:
        finish(pool, len([pool.submit(job(n)) for n in range(2)]))  # both workers are up
        pool.submit(job(1, napping(3.0)))
        pool.submit(job(2, napping(0.1)))
        assert pool.running == 2
        assert [result.decision for result in finish(pool, 2)] == [2, 1]
        assert pool.running == 0

    def test_a_job_runs_whole(self, pool: Pool, tmp_path: Path) -> None:
        pool.submit(job(1, f"ask()\n{WRITE}", journal=tmp_path / "j.jsonl"))
        [result] = finish(pool, 1)
        assert isinstance(result, EvaluateResult)
        assert result.outcome is Outcome.RESOLVED, result
        assert result.record is not None
        assert result.record.usage.calls == 1
        assert result.sandbox == "process"

    def test_no_more_than_the_slots_run_at_once(self, pool: Pool) -> None:
        assert pool.slots == 2
        for n in range(5):
            pool.submit(job(n, napping(0.4)))
        results = finish(pool, 5)
        times = sorted(json.loads(result.log) for result in results)
        assert all(sum(a <= began < b for a, b in times) <= 2 for began, _ in times)
        waits = [result.queued_s for result in results]
        assert max(waits) > 0.4
        assert min(waits) < max(waits) - 0.4

    def test_more_slots_let_more_jobs_run_and_fewer_fewer(self, pool: Pool, tmp_path: Path) -> None:
        """Each job waits until three of them are there."""
        pool.resize(3)
        assert pool.slots == 3
        meet = f"here = Path({str(tmp_path)!r})\nhere.joinpath(str(os.getpid())).touch()\n"
        meet += "while len(list(here.iterdir())) < 3:\n    time.sleep(0.02)\n"
        for n in range(3):
            pool.submit(job(n, meet + WRITE, seconds=100.0))
        assert [result.outcome for result in finish(pool, 3)] == [Outcome.RESOLVED] * 3
        pool.resize(1)
        for n in range(3):
            pool.submit(job(n, napping(0.2)))
        times = sorted(json.loads(result.log) for result in finish(pool, 3))
        pool.resize(2)
        assert all(end <= began for (_, end), (began, _) in itertools.pairwise(times))

    def test_a_job_that_raises_comes_back_void_with_its_traceback(self, pool: Pool) -> None:
        pool.submit(replace(job(7), manifest=None))  # type: ignore[arg-type]
        [result] = finish(pool, 1)
        assert result.outcome is Outcome.VOID
        assert "AttributeError" in result.detail
        assert b"Traceback" in result.log
        assert b"job.manifest" in result.log
        assert (result.decision, result.attempt) == (7, 1)

    def test_it_waits_no_longer_than_it_is_told(self, pool: Pool) -> None:
        pool.submit(job(1, napping(1.0)))
        assert pool.next_finished(timeout_s=0.05) is None
        finish(pool, 1)

    def test_with_nothing_running_it_waits_too(self, pool: Pool) -> None:
        began = time.monotonic()
        assert pool.next_finished(timeout_s=0.2) is None
        assert 0.2 <= time.monotonic() - began < 30
        assert pool.next_finished() is None
