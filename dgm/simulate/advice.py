"""Which policy, floor, width and confirmation budget to choose next: searches in worlds drawn from what a run told.

Search n of every option meets draw n of the world, so options are paired by world, tasks and luck. The questions are
asked one after the other, each with the answers to those before: policy, floor, width, confirmation. What is in use
stays unless something else is better beyond noise; of widths the largest that costs no more than a point is taken. What
was chosen and what is in use are then searched with once more, on draws that decided nothing, and only
those searches say what to expect: the best of many is partly the luckiest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from dgm.simulate.search import Found
from dgm.simulate.summary import Mean, compared, mean

FLOORS = (1, 3, 5, 8)
POINT = 0.01


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What the next run may use: `pot` evaluations for search and confirmation together, `confirm` of them as it is
    now, and the workers and the policy in use. `own_floor` names the policies that have a floor, with their own one;
    `set_floor` those that are told which."""

    pot: int
    confirm: int
    workers: int
    policy: str
    own_floor: Mapping[str, int] = field(default_factory=dict)
    set_floor: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to search. A floor of None is the policy's own."""

    policy: str
    workers: int
    confirm: int
    floor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An option and its searches, one for each draw."""

    option: Option
    found: tuple[Found, ...]

    @property
    def quality(self) -> Mean:
        return mean([one.accuracy for one in self.found])


@dataclass(frozen=True, kw_only=True)
class Answer:
    """To one question: what is taken, against what, and by how much it is better; `sure` says beyond noise."""

    question: str
    taken: Option
    against: Option
    gain: Mean

    @property
    def sure(self) -> bool:
        return self.gain.interval[0] > 0


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Everything that was tried, the answers, and the fresh searches of what was chosen and of what is in use."""

    tried: tuple[Tried, ...]
    answers: tuple[Answer, ...]
    chosen: Tried
    used: Tried

    @property
    def gain(self) -> Mean:
        return compared(self.chosen.found, self.used.found)

    def against_used(self, one: Tried) -> Mean:
        """By how much an option that was tried is better than what is in use, draw by draw, before any choice."""
        used = next(other for other in self.tried if other.option == self.used.option)
        return compared(one.found, used.found)

    @property
    def better(self) -> float:
        """In which share of pairs what was chosen ends higher; ties count half."""
        pairs = zip(self.chosen.found, self.used.found, strict=True)
        return float(
            np.mean([(a.accuracy > b.accuracy) + 0.5 * (a.accuracy == b.accuracy) for a, b in pairs])
        )

    @property
    def range(self) -> tuple[float, float]:
        """Between which qualities 95 % of runs like the chosen one end."""
        low, high = np.quantile([one.accuracy for one in self.chosen.found], [0.025, 0.975])
        return float(low), float(high)


POLICY, FLOOR, WIDTH, CONFIRMATION, EXPECTED = "policy", "floor", "width", "confirmation", "what to expect"
QUESTIONS = (POLICY, FLOOR, WIDTH, CONFIRMATION, EXPECTED)

Search = Callable[[Sequence[Option], str], list[tuple[Found, ...]]]
"""Every option searched with on the same draws for a question; on fresh ones for `EXPECTED`."""


def advise(frame: Frame, policies: Sequence[str], search: Search) -> Advice:
    """The advice for the next run; `policies` are to be compared, the first is in use where `frame.policy` is none."""
    known: dict[Option, Tried] = {}

    def tried(options: Sequence[Option], question: str) -> list[Tried]:
        new = [option for option in dict.fromkeys(options) if option not in known]
        for option, found in zip(new, search(new, question) if new else [], strict=True):
            known[option] = Tried(option=option, found=found)
        return [known[option] for option in options]

    plain = {
        one: Option(policy=one, workers=frame.workers, confirm=frame.confirm, floor=frame.set_floor.get(one))
        for one in policies
    }
    used = plain.get(frame.policy, plain[policies[0]])
    answers = [_better(POLICY, used, tried(list(plain.values()), POLICY))]
    floors = _floors(frame, answers[-1].taken)
    if floors:
        answers.append(_better(FLOOR, answers[-1].taken, tried(floors, FLOOR)))
    answers.append(_widest(tried(widths(frame, answers[-1].taken), WIDTH)))
    wide = answers[-1].taken
    answers.append(_better(CONFIRMATION, wide, tried(_confirmations(frame, wide), CONFIRMATION)))
    chosen = answers[-1].taken
    fresh = search([used] if chosen == used else [used, chosen], EXPECTED)
    return Advice(
        tried=tuple(known.values()),
        answers=tuple(answers),
        chosen=Tried(option=chosen, found=fresh[-1]),
        used=Tried(option=used, found=fresh[0]),
    )


def _floors(frame: Frame, option: Option) -> list[Option]:
    """The option as it is and with other floors, where its policy has one."""
    own = frame.own_floor.get(option.policy)
    if own is None:
        return []
    return [option, *(replace(option, floor=floor) for floor in FLOORS if floor != own)]


def widths(frame: Frame, option: Option) -> list[Option]:
    """One worker, a hundredth and a fortieth of the budget, what is in use and twice that."""
    budget = frame.pot - frame.confirm
    counts = {1, ceil((budget or 1) / 100), ceil((budget or 1) / 40), option.workers, 2 * option.workers}
    return [replace(option, workers=count) for count in sorted(counts)]


def _confirmations(frame: Frame, option: Option) -> list[Option]:
    """None, half of what is in use, that, and twice that, as far as half of all evaluations goes or is in use."""
    usual = frame.confirm or int(3.6 * frame.pot**0.5)
    counts = {0, usual // 2, usual, 2 * usual, option.confirm}
    most = max(frame.pot // 2, option.confirm)
    return [replace(option, confirm=count) for count in sorted(counts) if count <= most]


def _better(question: str, used: Option, tried: Sequence[Tried]) -> Answer:
    """The best where it is better than what is in use beyond noise, else that; the gain is the best one's."""
    now = next(one for one in tried if one.option == used)
    others = [one for one in tried if one is not now]
    if not others:
        return Answer(question=question, taken=used, against=used, gain=mean([0.0]))
    best = max(others, key=lambda one: one.quality.mean)
    gain = compared(best.found, now.found)
    if gain.interval[0] > 0:
        return Answer(question=question, taken=best.option, against=used, gain=gain)
    back = compared(now.found, best.found)
    return Answer(question=question, taken=used, against=best.option, gain=back)


def _widest(tried: Sequence[Tried]) -> Answer:
    """The largest width that costs at most a point against the best one; `against` is the best one."""
    best = max(tried, key=lambda one: one.quality.mean)
    wide = max(
        (one for one in tried if compared(best.found, one.found).mean <= POINT),
        key=lambda one: one.option.workers,
    )
    return Answer(
        question=WIDTH, taken=wide.option, against=best.option, gain=compared(wide.found, best.found)
    )
