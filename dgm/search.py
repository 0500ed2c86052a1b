"""The search loop: view, decide, append the decision, submit; next result, append it, view again.

The driver alone decides and writes. A decision is on disk before its job starts and a result before anything is decided
from it, so what was decided and has no result is exactly what was in flight when a driver died: those jobs, and only
those, run again. There are no barriers; policies see what is in flight.
"""

from __future__ import annotations

import gc
import heapq
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from archive import Archive, Decision, Evaluation, Expansion, Row, RunReader, Split, is_result
from dgm.breaker import Breaker
from dgm.deciding import Bounds, Decider, DriverError
from dgm.health import MEMORY, RECENT, Health, set_aside
from dgm.jobs import PROVIDER_DOWN, Job, Result
from dgm.purse import NO_CAP, Money, Purse
from dgm.steering import Changed, Changes, Control, Steering, Uncontrolled
from dgm.tree import Tree
from dgm.watching import Display, State, Status
from dgm.workers import Pool

log = logging.getLogger(__name__)


class RunPausedError(DriverError):
    """The last results were void again and again: something outside the agents is broken."""


class StoppedError(DriverError):
    """The operator asked to stop; `open_decisions` will be submitted again by the same command."""

    def __init__(self, open_decisions: int) -> None:
        super().__init__(f"stopped with {open_decisions} decisions open")
        self.open_decisions = open_decisions


@dataclass(frozen=True, kw_only=True)
class Settings(Bounds):
    """The bounds of a search and the driver's own times.

    `width` is how many of its jobs may be in flight at most, None for as many as the pool has slots. `retry_s` is
    the first pause in seconds before a void job is tried again (doubled at the second), `grace_s` how long a stopping
    driver waits for what is running. `money` is what the run may spend.
    """

    width: int | None = None
    retry_s: float = 2.0
    grace_s: float = 30.0
    money: Money = NO_CAP


class Planner(Protocol):
    """Turns decisions into jobs and results into rows."""

    def recall(self, run: RunReader) -> None:
        """Take note of all rows of `run`, before any other row."""

    def observe(self, row: Row) -> None:
        """Fold one row in, as policies do."""

    def job(self, decision: Decision, attempt: int) -> Job: ...

    def paid(self, decision: Decision, attempt: int) -> int:
        """Micro-dollars that this job paid in an earlier life and that stand in no row."""

    def keep(self, results: Sequence[Result]) -> None:
        """Have the texts of these results durable, together; `rows` of each comes next."""

    def rows(self, result: Result, decision: Decision, seq: int) -> tuple[Row, ...]:
        """Rows of a result, all with number `seq`; what they name is durable before this returns."""


class Search:
    """One driver on one archive; `decider` has seen no row yet.

    `past` is what `archive` holds, opened for reading: much sooner recalled than rows are folded one by one.
    `trouble` says what is wrong with the models' provider, None if it answers.
    `stops` says how often the operator asked to stop: once, and nothing new is decided; twice, and the driver leaves.
    `control` brings what is asked from other terminals, `changes` what of the configuration may change by that.
    """

    def __init__(
        self,
        *,
        archive: Archive,
        decider: Decider[Any],
        pool: Pool,
        planner: Planner,
        settings: Settings,
        display: Display,
        clock: Callable[[], float],
        stops: Callable[[], int] = lambda: 0,
        past: RunReader | None = None,
        trouble: Callable[[], str | None] = lambda: None,
        control: Control | None = None,
        changes: Changes[Settings] | None = None,
    ) -> None:
        self._archive = archive
        self._decider = decider
        self._tree = decider.tree
        self._pool = pool
        self._planner = planner
        self._settings = settings
        self._display = display
        self._clock = clock
        self._stops = stops
        self._past = past
        self._purse = Purse(settings.money)
        self.out_of_money = False
        self._closed: int | None = None
        self._breaker = Breaker(trouble, display.tell, clock)
        self._health = Health()
        self._retries: list[tuple[float, int]] = []
        self._left_at: float | None = None
        self._lack = ""
        self._steering = Steering(
            control or Uncontrolled(), changes, archive, self._note, self._change, display.tell
        )

    def run(self) -> Tree:
        """Search until the budget is used, confirm who is best, test that agent and the seed. Gives the final tree.

        Raises StoppedError or RunPausedError; the same call on the same archive goes on. With `out_of_money` set the
        run's cap left no room for another job.
        """
        self._recall()
        gc.freeze()  # what was recalled stays: looking through it for garbage took a seventh of the driver's time
        try:
            return self._searched()
        finally:
            gc.unfreeze()

    def _searched(self) -> Tree:
        if self._decider.ending.closed == self._settings.money.cap:
            self._closed = self._settings.money.cap
        self._retries = [(self._clock(), seq) for seq in sorted(self._tree.open)]
        if self._steering.paused:
            self._display.tell(f"paused {self._steering.why}: nothing is begun until `dgm resume`")
        while True:
            self._steering.heed(self._pool.running)
            self._heed_stops()
            self.out_of_money = False
            if self._left_at is None and not self._steering.paused:
                self._submit_retries()
                self._decide()
            self._heed_lack()
            self._display.show(self._status())
            waits = self._breaker.paused or self._steering.paused or self._lack
            if not waits and (not self._tree.open or self._ends_for_money()):
                return self._tree
            self._record(self._finished())

    @property
    def _width(self) -> int:
        slots = self._pool.slots
        return min(self._settings.width or slots, slots)

    @property
    def ended_by_money(self) -> str:
        """What to tell of a run that its cap on money ended; nothing of any other."""
        money = self._settings.money
        if self.out_of_money:
            return money.ended(self.spent_microusd)
        return money.closed(self.spent_microusd) if self._closed is not None else ""

    @property
    def spent_microusd(self) -> int:
        return self._tree.cost_microusd

    def _status(self) -> Status:
        state, why = State.SEARCHING, ""
        if self._left_at is not None:
            state = State.STOPPING
        elif self._steering.paused:
            state, why = State.PAUSED, self._steering.why
        elif self._breaker.paused:
            state, why = State.OUTAGE, self._breaker.why
        elif self._lack:
            state, why = State.WAITING, self._lack
        return Status(
            tree=self._tree,
            ending=self._decider.ending,
            bounds=self._settings,
            money=self._settings.money,
            running=self._pool.running,
            width=self._width,
            waiting=len(self._retries),
            state=state,
            why=why,
            grace_s=self._settings.grace_s,
        )

    def _recall(self) -> None:
        if self._past is not None:
            self._decider.recall(self._past)
            self._planner.recall(self._past)
            self._steering.recall(self._past)
            self._health.recall(self._past.last_results(MEMORY))
            return
        for entry in self._archive.entries():
            for row in entry.rows:
                self._fold(row)

    def _fold(self, row: Row) -> None:
        self._decider.observe(row)
        self._planner.observe(row)
        self._steering.observe(row)
        if is_result(row):
            self._health.observe(row)

    def _note(self, rows: Sequence[Row]) -> None:
        """Record a change of the run, then go by it."""
        self._archive.append(*rows)
        for row in rows:
            self._fold(row)
            self._display.note(row)

    def _change(self, changed: Changed[Settings]) -> None:
        self._settings = changed.settings
        self._purse.change(changed.settings.money)
        if changed.settings.money.cap != self._closed:
            self._closed = None
        if changed.slots != self._pool.slots:
            self._pool.resize(changed.slots)

    def _heed_stops(self) -> None:
        stops = self._stops() + self._steering.stops
        if not stops:
            return
        if self._left_at is None:
            self._left_at = self._clock() + self._settings.grace_s
        if stops > 1 or self._pool.running == 0 or self._clock() >= self._left_at:
            raise StoppedError(len(self._tree.open))

    def _heed_lack(self) -> None:
        """Tell when there is something to do and nothing to do it on, and when there is again."""
        lack = (
            "" if self._left_at is not None or self._steering.paused or self._pool.slots else self._lacking()
        )
        if bool(lack) != bool(self._lack):
            self._display.tell(lack or f"jobs can run: {self._pool.slots} slots")
        self._lack = lack

    def _lacking(self) -> str:
        nothing = not self._tree.open and not self._decider.decide(
            self._archive.next_seq, self._settings, 1, self._closed
        )
        return "" if nothing else self._pool.lack()

    def _patience(self) -> float:
        now = self._clock()
        return max(0.01, min([0.5, *(at - now for at, _ in self._retries if at > now)]))

    def _finished(self) -> list[Result]:
        """What the pool has ready; waits for the first. Together they cost one wait for the disk."""
        found = [self._pool.next_finished(timeout_s=self._patience())]
        while found[-1] is not None and self._pool.running:
            found.append(self._pool.next_finished(timeout_s=0))
        return [result for result in found if result is not None]

    def _decide(self) -> None:
        """Fill the width. Each decision sees the ones before it; no job starts before all are on disk."""
        first, decided = self._archive.next_seq, list[Decision]()
        while self._pool.running + len(self._retries) + len(decided) < self._width:
            seq = first + len(decided)
            if not self._breaker.allows(self._pool.running + len(decided)):
                break
            decision = self._next(seq)
            if decision is None:
                break
            self._fold(decision)
            decided.append(decision)
        if not decided:
            return
        self._archive.append_many([[decision] for decision in decided])
        for decision in decided:
            self._display.note(decision)
            self._submit(decision.seq)

    def _next(self, seq: int) -> Decision | None:
        """The next decision that the money allows; once it allows no more searching, those of the end."""
        decision = self._decider.decide(seq, self._settings, self._width, self._closed)
        if decision is None:
            return None
        searches = decision.split in (None, Split.SEARCH)
        if self._gives(decision, kept=self._kept() if searches else 0):
            return decision
        if not searches or self._tree.open:
            return None
        self._closed = self._settings.money.cap
        end = self._decider.decide(seq, self._settings, self._width, self._closed)
        if end is None or not self._gives(end):
            return None
        self.out_of_money = False
        self._display.tell(self._settings.money.closing(self.spent_microusd))
        return end

    def _kept(self) -> int:
        """Micro-dollars that no new decision of the search may touch; a later try of an earlier one may."""
        tree, ending = self._tree, self._decider.ending
        jobs = tree.evaluations_started + tree.expansions_started + ending.started - len(tree.open)
        end = ending.most(self._settings)
        return self._settings.money.kept(spent=tree.cost_microusd, jobs=jobs, end=end)

    def _gives(self, decision: Decision, attempt: int = 1, kept: int = 0) -> bool:
        """Whether the run's money allows this job now; if not, it is looked at again when another has ended."""
        if self._settings.money.cap is None:
            return True
        paid = self._planner.paid(decision, attempt)
        given = self._purse.give(decision.seq, self._tree.cost_microusd, paid=paid, kept=kept)
        self.out_of_money |= not given
        return given

    def _ends_for_money(self) -> bool:
        """Whether nothing runs and nothing that waits can ever be paid."""
        return (
            self.out_of_money
            and not self._pool.running
            and all(due <= self._clock() for due, _ in self._retries)
        )

    def _submit(self, seq: int) -> None:
        found = self._tree.open[seq]
        self._pool.submit(self._planner.job(found.decision, found.attempts + 1))

    def _submit_retries(self) -> None:
        now, waiting = self._clock(), list[tuple[float, int]]()
        while self._retries and self._retries[0][0] <= now:
            due, seq = heapq.heappop(self._retries)
            found = self._tree.open[seq]
            running = self._pool.running  # an earlier driver may have left more open than this width
            may = running < self._width and self._breaker.allows(running)
            if may and self._gives(found.decision, found.attempts + 1):
                self._submit(seq)
            else:
                waiting.append((due, seq))
        for retry in waiting:
            heapq.heappush(self._retries, retry)

    def _record(self, results: Sequence[Result]) -> None:
        """Append what came back, as one entry each, then go by it. Each result is planned after the ones before it."""
        first, recorded = self._archive.next_seq, list[tuple[Result, tuple[Row, ...]]]()
        self._planner.keep([result for result in results if result.decision in self._tree.open])
        for result in results:
            if result.decision not in self._tree.open:
                log.warning("dropped a second result of decision %d (job %s)", result.decision, result.id)
                continue
            decision = self._tree.open[result.decision].decision
            self._purse.take_back(result.decision)
            rows = self._planner.rows(result, decision, first + len(recorded))
            for row in rows:
                self._fold(row)
            recorded.append((result, rows))
        if recorded:
            self._archive.append_many([rows for _, rows in recorded])
        for result, rows in recorded:
            self._heed(result, rows)

    def _heed(self, result: Result, rows: Sequence[Row]) -> None:
        """Show a recorded result; try a void one again, and stop if there are too many of them."""
        for row in rows:
            self._display.note(row)
        [outcome] = [row for row in rows if isinstance(row, Evaluation | Expansion)]
        void, down = not outcome.outcome.counted, PROVIDER_DOWN in outcome.flags
        self._breaker.observe(down=down, counted=not void, why=result.detail)
        if void and result.decision in self._tree.open:
            tries = self._tree.open[result.decision].attempts
            due = self._clock() + self._settings.retry_s * 2 ** (tries - 1)
            heapq.heappush(self._retries, (due, result.decision))
        elif void:
            self._display.tell(f"{set_aside(outcome)}: {result.detail or 'no reason given'}")
        if self._breaker.hopeless:
            raise RunPausedError(
                f"paused: the provider answers when it is asked, but fails every job: {result.detail}. Mend it and run"
                " the same command to go on."
            )
        # Only a void can be the one too many: a run that goes on after the pause is not stopped by what is mended.
        if void and self._health.failing:
            raise RunPausedError(
                f"paused: {self._health.void} of the last {RECENT} results were void, which is never the agents' "
                f"doing; last reason: {result.detail or 'none given'}. Mend it and run the same command to go on."
            )
