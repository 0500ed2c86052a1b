"""The model calls of a rollout as the archive keeps them, and those of a whole recorded run, read on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from archive import Evaluation, Expansion, RunReader, open_run
from dgm.llm.backends import Recorded
from dgm.llm.transcript import Message, transcript
from dgm.llm.values import Exchange, RolloutRecord


def packed(record: RolloutRecord) -> bytes:
    """Every exchange of a rollout, verbatim: a line `{"n": ..., "status": ..., "request": ..., "response": ...}` each.

    The bodies are kept as texts, so that what cannot be parsed is kept too.
    """
    status = {call.n: call.status for call in record.calls}
    return "".join(
        json.dumps(
            {
                "n": exchange.n,
                "status": status.get(exchange.n, 200),
                "request": exchange.request.decode("utf-8", "surrogateescape"),
                "response": exchange.response.decode("utf-8", "surrogateescape"),
            }
        )
        + "\n"
        for exchange in record.exchanges
    ).encode()


def unpacked(blob: bytes) -> dict[int, Recorded]:
    """The calls of a packed rollout by their number."""
    return {
        line["n"]: Recorded(
            request=line["request"].encode("utf-8", "surrogateescape"),
            response=line["response"].encode("utf-8", "surrogateescape"),
            status=line["status"],
        )
        for line in map(json.loads, blob.decode().splitlines())
    }


def conversation(blob: bytes) -> list[Message]:
    """The longest conversation of a packed rollout, as chat messages."""
    calls = unpacked(blob)
    return transcript(
        [Exchange(n=n, request=call.request, response=call.response) for n, call in calls.items()]
    )


class RecordedCalls(Mapping[tuple[int, int], Recorded]):
    """(decision, n) -> the call that was answered there, for every decision's first result that is not void.

    `real` says that a model, not the stand-in, gave the answers.
    """

    def __init__(self, run: RunReader) -> None:
        self._run = run
        self._blobs: dict[int, str] = {}
        for entry in run.entries():
            for row in entry.rows:
                if isinstance(row, Evaluation | Expansion) and row.transcript and row.outcome.counted:
                    self._blobs.setdefault(row.decision, row.transcript)
        llm = run.info.config.get("llm")
        self.real = not (isinstance(llm, Mapping) and llm.get("name") == "rehearsal")
        self._calls = lru_cache(maxsize=256)(lambda decision: unpacked(run.blobs.get(self._blobs[decision])))

    def __getitem__(self, place: tuple[int, int]) -> Recorded:
        decision, n = place
        return self._calls(decision)[n]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((decision, n) for decision in self._blobs for n in self._calls(decision))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def recorded_calls(run: Path) -> RecordedCalls:
    """Open the run in `run` and index its calls. Raises an ArchiveError when there is none."""
    return RecordedCalls(open_run(run))
