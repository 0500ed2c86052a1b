"""What rollouts asked and were answered, read back: from a blob, a journal, or a whole recorded run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import archive
from archive import Decision, Evaluation, Expansion, RunReader
from dgm.llm.backends import Recorded
from dgm.llm.journal import read_journal
from dgm.llm.transcript import Message, transcript, unpacked
from dgm.llm.values import CallRecord, RolloutRecord
from dgm.origins import origin


def conversation(blob: bytes) -> list[Message]:
    """The longest conversation of a packed rollout, as chat messages."""
    return transcript(unpacked(blob))


def paid(journal: Path | None, rollout: str, role: str) -> RolloutRecord:
    """The record of a rollout that was lost with its gateway: the calls that its decision's journal says it paid.

    Raises JournalError when the journal is damaged.
    """
    answered = read_journal(journal) if journal is not None else ()
    own = [call for call in answered if call.rollout == rollout]
    calls = (
        CallRecord(
            n=n,
            model=call.model,
            role=call.role or role,
            status=call.status,
            tokens=call.tokens,
            cost_microusd=call.paid_microusd,
            latency_s=0.0,
            journal=True,
            estimated=call.estimated,
            request="",
            response="",
            cache=call.cache,
        )
        for n, call in enumerate(own)
    )
    return RolloutRecord(id=rollout, calls=tuple(calls))


class RecordedCalls(Mapping[tuple[int, int], Recorded]):
    """(decision, n) -> the call that was answered there, for every decision's first result that is not void.

    `real` is False only when it can be told that the stand-in gave the answers, not a model; `rounds` names the
    decisions in the order of those results, those together that no decision came between, `slots` how many jobs could
    run at once, in ascending order if that changed, `roles` what was asked for.
    """

    def __init__(self, run: RunReader) -> None:
        self._run = run
        self._blobs: dict[int, str] = {}
        rounds: list[list[int]] = [[]]
        seen: set[int] = set()
        slots: set[int] = set()
        for entry in run.entries():
            for row in entry.rows:
                if isinstance(row, Decision):
                    rounds.append([])
                    if isinstance(free := row.saw.get("slots"), int):
                        slots.add(free)
                if isinstance(row, Evaluation | Expansion) and row.outcome.counted:
                    if row.decision not in seen:
                        rounds[-1].append(row.decision)
                    seen.add(row.decision)
                    if row.transcript:
                        self._blobs.setdefault(row.decision, row.transcript)
        self.rounds = tuple(tuple(round) for round in rounds if round)
        self.slots = tuple(sorted(slots))
        self.real = origin(run.info.config).rehearsed is not True
        self.roles = frozenset(run.columns("calls", "role")["role"].unique().to_pylist())
        self._calls = lru_cache(maxsize=256)(self._read)

    def _read(self, decision: int) -> Mapping[int, Recorded]:
        return {
            call.n: Recorded(request=call.request, response=call.response, status=call.status)
            for call in unpacked(self._run.blobs.get(self._blobs[decision]))
        }

    def __getitem__(self, place: tuple[int, int]) -> Recorded:
        decision, n = place
        return self._calls(decision)[n]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((decision, n) for decision in self._blobs for n in self._calls(decision))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def recorded_calls(run: Path) -> RecordedCalls:
    """Open the run in `run` and index its calls. Raises an ArchiveError when there is none."""
    return RecordedCalls(archive.open(run))
