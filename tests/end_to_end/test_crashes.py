"""A driver that is killed again and again, wherever it stands, against a provider over real HTTP."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import archive
from archive import Call, Evaluation
from archive.index import spans_in, spans_of
from archive.seals import sealed_spans
from dgm.llm import read_journal
from dgm.replay import replay
from tests.dgm.commands import ROOT, dgm
from tests.end_to_end.real import assert_whole, needs_bubblewrap, rows_of, small
from tests.fake_upstream import FakeUpstream

SLOTS = 2
SEGMENT_LINES = 2
LONGEST_LIFE_S = 4.0


@pytest.mark.whole
@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        pytest.param(15, 1, marks=pytest.mark.timeout(600)),
        pytest.param(200, 2, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_a_driver_killed_at_random_moments_loses_nothing_and_pays_nothing_twice(
    tmp_path: Path, kills: int, seed: int
) -> None:
    needs_bubblewrap()
    run = tmp_path / "runs" / "a"
    moments = random.Random(seed)
    evaluations = 6
    kept: list[object] = []
    with FakeUpstream(rehearsal=True) as upstream, drivers(tmp_path / "errors.txt") as drive:
        real = {"llm": "openai", "llm.base_url": upstream.base_url, "sandbox": "bubblewrap"}
        values = {**real, "sandbox.accept_weaker": "true", "workers.slots": SLOTS, "budget.expansions": 5}
        killed = 0
        while killed < kills:
            life = moments.uniform(0.1, LONGEST_LIFE_S)
            ended = drive(life, small(tmp_path, **values, **{"budget.evaluations": evaluations}))
            if ended == 0:
                evaluations += 4
                continue
            assert ended == -9
            killed += 1
            if run.exists():
                with archive.open(run) as reader:
                    found: list[object] = list(reader.entries())
                assert found[: len(kept)] == kept, "an entry that was there is gone or was changed"
                kept = found
        assert drive(0, small(tmp_path, **values, **{"budget.evaluations": evaluations})) == 0
        asked = upstream.counts()["requests"]
    assert_whole(run)
    per_task = Counter(
        (row.agent, row.task, row.repeat) for row in rows_of(run, Evaluation) if row.outcome.counted
    )
    assert set(per_task.values()) == {1}
    journals = [read_journal(path) for path in sorted((run / "journal").glob("*.jsonl"))]
    assert all(max(Counter(call.n for call in calls).values(), default=1) == 1 for calls in journals)
    paid = sum(len(calls) for calls in journals)
    assert paid == len(rows_of(run, Call))
    # Answered to nobody: at most what was on its way whenever the driver died.
    assert paid <= asked <= paid + SLOTS * kills
    assert spans_in(run) == spans_of(sealed_spans(run))
    verified = dgm("verify", str(run))
    assert verified.status == 0, verified.out
    with archive.open(run) as reader:
        assert replay(reader).difference is None


Drive = Callable[[float, tuple[str, ...]], int]
"""The exit status of a driver with these overrides that is killed after so many seconds of work; 0 lets it live."""


@contextmanager
def drivers(errors: Path) -> Iterator[Drive]:
    command = [sys.executable, "-m", "tests.end_to_end.doomed", str(SEGMENT_LINES)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=stderr
        ) as server,
    ):

        def drive(seconds: float, overrides: tuple[str, ...]) -> int:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps([seconds, overrides]).encode() + b"\n")
            server.stdin.flush()
            status = server.stdout.readline().strip()
            assert status in (b"0", b"-9"), (status, errors.read_text())
            return int(status)

        try:
            yield drive
        finally:
            server.communicate()
