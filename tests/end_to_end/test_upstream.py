"""A search against a provider over real HTTP: every call is paid for once, also when the driver is killed."""

from __future__ import annotations

import base64
import json
import logging
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
import zstandard

import archive
from archive import Call, Decision
from dgm.report.page.live import Live
from dgm.report.page.report import TABLES
from sandbox.local.bubblewrap import WEAKNESSES
from tests.dgm.commands import dgm
from tests.end_to_end.real import (
    Driver,
    assert_whole,
    journalled,
    needs_bubblewrap,
    open_decisions,
    results_of,
    rows_of,
    small,
)
from tests.fake_upstream import FakeUpstream

SLOTS = 2
KEY = "sk-marked-5b1e07c2f9d84a63"


def against(upstream: FakeUpstream, folder: Path, **values: object) -> tuple[str, ...]:
    real = {"llm": "openai", "llm.base_url": upstream.base_url, "sandbox": "bubblewrap"}
    budget = {"workers.slots": SLOTS, "budget.evaluations": 3, "budget.test_repeats": 1}
    return small(folder, **{**real, **budget, "sandbox.accept_weaker": "true", **values})


def bought(run: Path) -> int:
    """Recorded calls that were not answered from a journal."""
    return sum(not call.journal for call in rows_of(run, Call))


@contextmanager
def command_lines() -> Iterator[list[bytes]]:
    """What any process of this machine was started with meanwhile."""
    seen, over = set[bytes](), Event()

    def look() -> None:
        while not over.wait(0.1):
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(line.read_bytes())

    found: list[bytes] = []
    thread = Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found.extend(seen)


def test_every_call_at_the_provider_is_a_row_and_the_key_is_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    needs_bubblewrap()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    run = tmp_path / "runs" / "a"
    with FakeUpstream(key=KEY, rehearsal=True) as upstream, command_lines() as lines:
        leak = {"message": f"not with {KEY}", "type": "x", "param": None, "code": None}
        upstream.script(*({"do": "status", "status": status, "error": leak} for status in (500, 400)))
        said = dgm("run", *against(upstream, tmp_path))
        again = dgm("run", *against(upstream, tmp_path), "--json")
        counts = upstream.counts()
        asked = upstream.requests()
    assert said.status == 0, said.err
    pages = [dgm(page, str(run), "--json").out for page in ("tree", "best", "tasks", "costs")]
    assert all(json.loads(line) for line in again.out.splitlines())
    assert again.out
    page = tmp_path / "page.html"
    assert dgm("report", str(run), "-o", str(page)).status == 0
    blocks = re.findall(r'type="application/x-dgm"[^>]*>([^<]+)<', page.read_text())
    shown = [zlib.decompress(base64.b64decode(block)) for block in blocks]
    assert len(shown) > 2
    with archive.open(run) as reader:
        rows = repr(list(reader.entries()))
        details = [
            f"{what}/{seq}" for what in ("agent", "decision", "result") for seq in range(reader.next_seq)
        ]
    with Live(run) as live:
        served = [live.answer(path) for path in ("head", *(f"table/{name}" for name in TABLES), *details)]
    assert sum(found is not None for found in served) > 2 * len(TABLES)
    blobs = [path.read_bytes() for path in (run / "blobs").rglob("*") if path.is_file()]
    kept = [zstandard.ZstdDecompressor().decompress(blob) for blob in blobs]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"not with [key]" in blob for blob in kept)
    assert (run / "driver.log").stat().st_size
    assert any(b"fake_upstream" in line for line in lines)
    for text in (said.out, said.err, again.out, again.err, caplog.text, rows, *pages):
        assert KEY not in text
    started = [line for line in lines if b"fake_upstream" not in line]
    for data in (*kept, *files, *shown, *filter(None, served), *started):
        assert KEY.encode() not in data
    assert "rehearsal" not in said.out
    assert f"sandbox: bubblewrap, weaker than docker; {WEAKNESSES}" in said.out
    assert_whole(run)
    calls = rows_of(run, Call)
    assert counts["answered"] == sum(call.status == 200 for call in calls) > 0
    assert counts["requests"] == len(calls) + 1 == bought(run) + 1  # one was asked again
    assert counts["input_tokens"] == sum(call.input_tokens for call in calls)
    assert counts["output_tokens"] == sum(call.output_tokens for call in calls)
    assert {request["body"]["model"] for request in asked} == {"gpt-5-mini"}
    assert {row.sandbox for row in results_of(run)} == {"bubblewrap"}
    assert all(WEAKNESSES in row.digests["weak"] for row in results_of(run))
    for page in ("tree", "best"):
        assert WEAKNESSES in dgm(page, str(run)).out
    assert any(WEAKNESSES in note for note in json.loads(dgm("show", str(run), "seed").out)["run"]["notes"])


@pytest.mark.whole
@pytest.mark.timeout(240)
def test_a_killed_driver_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    needs_bubblewrap()
    run = tmp_path / "runs" / "a"
    with FakeUpstream(rehearsal=True) as upstream:
        arguments = against(upstream, tmp_path)
        upstream.script(*[{"do": "answer", "delay_s": 0.4}] * 40)
        driver = Driver(arguments)
        driver.wait_until(
            lambda: len(results_of(run)) > 0 and journalled(run, open_decisions(run)).total() > 1
        )
        driver.kill()
        with archive.open(run) as reader:
            before = list(reader.entries())
        left = open_decisions(run)
        paid = journalled(run, left)
        asked = upstream.counts()["requests"]
        assert left
        assert paid.total() > 0

        status, _, err = Driver(arguments).end()
        counts = upstream.counts()
    assert status == 0, err
    with archive.open(run) as reader:
        assert list(reader.entries())[: len(before)] == before
    assert_whole(run)
    rollouts = {row.id: row.decision for row in results_of(run)}
    replayed = [call for call in rows_of(run, Call) if call.journal]
    assert {rollouts[call.rollout] for call in replayed} <= left
    assert len(replayed) == paid.total()
    # what was on its way when the driver died may have been answered to nobody: at most one call for each slot
    lost = counts["requests"] - bought(run) - paid.total()
    assert 0 <= lost <= SLOTS
    assert asked <= counts["requests"]
    assert {row.seq for row in rows_of(run, Decision)} >= left
