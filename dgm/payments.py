"""Do the model calls of a run fit together: its rows, the conversations kept of them, the journals of what was paid?

What a run has cost so far is what its rows say and, of decisions that are open, what their journals say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import archive
from archive import (
    Blobs,
    Call,
    CorruptArchiveError,
    Decision,
    Entry,
    Evaluation,
    Expansion,
    UnknownBlobError,
    Usage,
    is_result,
)
from dgm.llm import JournalError, read_journal, unpacked
from dgm.llm.journal import Answered

Journals = Mapping[int, Sequence[Answered] | None]
"""Decision -> every call that its journal holds; None where it is damaged."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Model calls, and what they cost in micro-dollars."""

    calls: int = 0
    microusd: int = 0

    def __add__(self, other: Bill) -> Bill:
        return Bill(calls=self.calls + other.calls, microusd=self.microusd + other.microusd)

    def __str__(self) -> str:
        return f"{self.calls} model calls for ${self.microusd / 1e6:.6f}"

    def exceeds(self, other: Bill) -> bool:
        return self.calls > other.calls or self.microusd > other.microusd


@dataclass(frozen=True, kw_only=True)
class Payments:
    """What is wrong, in plain words, and what was paid: for results (`recorded`) and for jobs without one (`open`)."""

    problems: tuple[str, ...]
    recorded: Bill
    open: Bill


def payments(path: Path) -> Payments:
    """Look at every call of the run at `path`, whether a driver is writing it or not. Raises an ArchiveError."""
    problems: list[str] = []
    # First: a result that comes meanwhile tells of no fewer calls than its journal held before.
    journals = _journals(path / "journal", problems)
    rows = _Rows(path, journals)
    with archive.open(path) as run:
        for entry in run.entries():
            problems += rows.look_at(entry)
    open_, left = rows.unrecorded()
    return Payments(problems=(*problems, *left), recorded=rows.paid, open=open_)


def _journals(directory: Path, problems: list[str]) -> Journals:
    found: dict[int, Sequence[Answered] | None] = {}
    for path in sorted(directory.glob("*.jsonl")):
        if not path.stem.isdecimal():
            problems.append(f"{path} is not the journal of a decision, which would be named by its number")
            continue
        try:
            found[int(path.stem)] = read_journal(path)
        except JournalError as error:
            problems.append(str(error))
            found[int(path.stem)] = None
    return found


class _Rows:
    """The rows of a run, one entry after the other."""

    def __init__(self, path: Path, journals: Journals) -> None:
        self.paid = Bill()
        self._blobs = Blobs(path / "blobs")
        self._directory = path / "journal"
        self._journals = journals
        self._open: dict[int, bool] = {}
        self._told: set[str] = set()

    def look_at(self, entry: Entry) -> Iterator[str]:
        for row in entry.rows:
            if isinstance(row, Decision):
                self._open[row.seq] = True
            if is_result(row):
                calls = [call for call in entry.rows if isinstance(call, Call) and call.rollout == row.id]
                yield from self._result(row, calls)

    def unrecorded(self) -> tuple[Bill, list[str]]:
        """What was paid under names that no result has; it is lost where no result can come any more."""
        total, problems = Bill(), []
        for decision, answered in self._journals.items():
            if answered is None:
                continue
            left = _bill(call for call in answered if call.rollout not in self._told)
            if decision not in self._open:
                problems.append(f"the journal of decision {decision} is of a decision that nobody made")
            elif left.calls and not self._open[decision]:
                problems.append(
                    f"the journal of decision {decision} holds {left} that none of its results tell of"
                )
            else:
                total += left
        return total, problems

    def _result(self, row: Evaluation | Expansion, calls: Sequence[Call]) -> Iterator[str]:
        self._told.add(row.id)
        if row.outcome.counted:
            self._open[row.decision] = False
        self.paid += _bill(calls)
        if _usage(calls) != row.usage:
            yield f"result {row.id} says that it used {row.usage}, its calls say {_usage(calls)}"
        yield from self._conversation(row, calls)
        if self._directory.is_dir():
            yield from self._journal(row, calls)

    def _journal(self, row: Evaluation | Expansion, calls: Sequence[Call]) -> Iterator[str]:
        answered = self._journals.get(row.decision, ())
        if answered is None:
            return
        journalled = _bill(call for call in answered if call.rollout == row.id)
        said = f"the journal of decision {row.decision} holds {journalled} of result {row.id}"
        if journalled.exceeds(_bill(calls)):
            yield f"{said}, whose rows tell of {_bill(calls)}"
        bought = _bill(call for call in calls if call.status == 200 and not call.journal)
        if bought.exceeds(journalled) and bought.exceeds(self._by_now(row)):
            yield f"{said}, whose rows say that it bought {bought}"

    def _by_now(self, row: Evaluation | Expansion) -> Bill:
        """What the journal holds of `row`, which may have come after it was read first."""
        answered = read_journal(self._directory / f"{row.decision:08d}.jsonl")
        return _bill(call for call in answered if call.rollout == row.id)

    def _conversation(self, row: Evaluation | Expansion, calls: Sequence[Call]) -> Iterator[str]:
        """Calls whose request and answer are not what was kept of them."""
        try:
            kept = {} if row.transcript is None else _digests(self._blobs.get(row.transcript))
        except (UnknownBlobError, CorruptArchiveError):
            return  # told where the blobs are looked at
        except (ValueError, KeyError):
            yield f"the transcript {row.transcript} of result {row.id} cannot be read"
            return
        for call in calls:
            if call.request and kept.get(call.n) != (call.request, call.response):
                yield f"call {call.n} of result {row.id} is not in its transcript as its row says"


def _digests(transcript: bytes) -> dict[int, tuple[str, str]]:
    return {
        exchange.n: (_sha256(exchange.request), _sha256(exchange.response))
        for exchange in unpacked(transcript)
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _bill(calls: Iterable[Call | Answered]) -> Bill:
    paid = (call.paid_microusd if isinstance(call, Answered) else call.cost_microusd for call in calls)
    return sum((Bill(calls=1, microusd=microusd) for microusd in paid), Bill())


def _usage(calls: Iterable[Call]) -> Usage:
    each = (
        Usage(
            calls=1,
            input_tokens=call.input_tokens,
            cached_tokens=call.cached_tokens,
            output_tokens=call.output_tokens,
            reasoning_tokens=call.reasoning_tokens,
            cost_microusd=call.cost_microusd,
        )
        for call in calls
    )
    return sum(each, Usage())
