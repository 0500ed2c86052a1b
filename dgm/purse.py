"""A run's cap on money: what was spent and what jobs in flight may still spend never exceed it together.

The driver gives each job an allowance before it starts, which the gateway of whatever node enforces, and takes it back
with the result. Every job gets the same whole allowance or waits: a smaller one would end the work of an agent that did
nothing to deserve it.

The cap covers the end of the run too: the search stops where going on would leave too little to measure what it found.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Money:
    """Micro-dollars: `cap` for the whole run, None for no limit, and the most that one `job` may spend."""

    cap: int | None = None
    job: int = 0

    def kept(self, *, spent: int, jobs: int, end: int) -> int:
        """What the search leaves for the `end` evaluations after it, when `jobs` jobs have cost `spent`.

        What they cost at the mean of the jobs so far and a quarter more, and a whole job's allowance, without which the
        last would not start. The search has at least half of the cap, and at least one job.
        """
        if self.cap is None or not end:
            return 0
        wanted = -(-end * spent * 5 // (4 * max(1, jobs))) + self.job
        return max(0, min(wanted, self.cap // 2, self.cap - self.job))

    def closing(self, spent: int) -> str:
        """What to tell when the search ends by its budget and its end begins."""
        spent_of = f"{_usd(spent)} of {_usd(self.cap or 0)}"
        return f"the search ends by its budget: {spent_of} are spent, the rest is for its end"

    def closed(self, spent: int) -> str:
        """What to tell of a run whose search ended because `spent` left no more than the end needs."""
        return (
            f"the search ended by its budget: {_usd(spent)} of {_usd(self.cap or 0)} are spent, the end included; the "
            "same command with a larger budget.usd goes on"
        )

    def ended(self, spent: int) -> str:
        """What to tell of a run that ended because `spent` left no room for another job."""
        return (
            f"ended by its budget: {_usd(spent)} of {_usd(self.cap or 0)} are spent and one more job may cost "
            f"{_usd(self.job)}; the same command with a larger budget.usd goes on"
        )


def _usd(microusd: int) -> str:
    return f"${microusd / 1e6:.2f}"


NO_CAP = Money()


class Purse:
    """What of a run's money is given out. What was `spent` so far is told by the caller at each call."""

    def __init__(self, money: Money) -> None:
        self._money = money
        self._given: dict[int, int] = {}

    def change(self, money: Money) -> None:
        """Go by another cap from now on. What is given out stays so."""
        self._money = money

    def give(self, decision: int, spent: int, *, paid: int = 0, kept: int = 0) -> bool:
        """Put aside what a job of `decision` may spend besides what it `paid` in an earlier life. False: too much.

        `kept` of the cap is not for this job.
        What a job paid before it was killed is in no row yet, and may be for nothing if it goes another way now.
        """
        if not self.affords(spent, paid=paid, kept=kept):
            return False
        self._given[decision] = paid + self._money.job
        return True

    def affords(self, spent: int, *, paid: int = 0, kept: int = 0) -> bool:
        """Whether one more job fits beside those in flight."""
        cap = self._money.cap
        return cap is None or spent + sum(self._given.values()) + paid + self._money.job <= cap - kept

    def take_back(self, decision: int) -> None:
        """The job has ended; what it spent is in its rows."""
        self._given.pop(decision, None)
