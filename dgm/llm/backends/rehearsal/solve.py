"""What the stand-in does next while it solves a kata: the first step that fits what it sees."""

from __future__ import annotations

from dataclasses import dataclass

from .draws import pick, u
from .facts import REREAD, Facts, Report, Trouble
from .katas import Kata
from .offer import Call

AT_ONCE = {"easy": 0.70, "middle": 0.50, "hard": 0.26}
"""How often the first writing is the reference, if all its rules are in sight."""
BY_LINE = {"easy": 0.85, "middle": 0.70, "hard": 0.50}
"""How often a failing assertion that is in sight leads on."""
LEAP = {"easy": 0.75, "middle": 0.70, "hard": 0.65}
"""How often being led on by an assertion or a rule is seeing everything in sight, and not only the next rung."""
BLIND, SIDEWAYS = 0.15, 0.60
"""Without the assertion line: next rung, the same thought in other words; otherwise "done"."""
ON_REREADING = {"easy": 0.75, "middle": 0.65, "hard": 0.55}
"""How often rereading the rules leads to the next rung, while no test is known to fail."""
AGAIN = 0.70
"""How often a call that went wrong is said again; otherwise it gives up."""
UNASKED_RUN = 0.15
PATIENCE = 3
"""How often it stays in the same situation before it calls the work done."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What it wants to do; `speak` says it in the tools that are offered.

    `plain` is said with care, without slips. `rung` is the solution to write, `sideways` the same one in other words,
    `old` the rung that an edit may start from.
    """

    kind: str  # list, look, write, run, again, change or finish
    words: str = ""
    plain: bool = False
    rung: int = 0
    sideways: bool = False
    old: int | None = None
    call: Call | None = None
    path: str = ""
    before: str = ""
    after: str = ""


def next_step(facts: Facts, sample: bytes) -> Intent:
    """The first step that fits."""
    plain = facts.trouble is not Trouble.NONE
    if plain:
        if u(sample, "again", *facts.situation) >= AGAIN:
            return Intent(kind="finish", words="I cannot get further here.", plain=True)
        if facts.trouble is Trouble.PARSE and facts.last and facts.last[0].arguments:
            return Intent(kind="again", words="Once more.", plain=True, call=facts.last[0])
    kata = facts.kata
    if kata is None or not facts.named or not facts.seen:
        if facts.looks >= PATIENCE or not (facts.offer.shell or facts.offer.read):
            return Intent(kind="finish", words="I do not see what to do.")
        kind = "look" if facts.named else "list"
        return Intent(kind=kind, words="First I look at what is there.", plain=plain)
    if facts.draft is None:
        return Intent(
            kind="write", words="I write a solution.", plain=plain, rung=_first(facts, kata, sample)
        )
    return _with_draft(facts, kata, facts.draft, sample, plain)


def _with_draft(facts: Facts, kata: Kata, draft: int, sample: bytes, plain: bool) -> Intent:
    def chance(step: str) -> float:
        return u(sample, step, *facts.situation)

    def onward() -> int:
        return max(higher, reach) if chance("leap") < LEAP[kata.band] else higher

    reach = kata.reach(facts.rules)
    higher = min(draft + 1, reach)
    done = Intent(kind="finish", words="Done.", plain=plain)
    can_run = facts.tests is Report.UNRUN and facts.offer.runs and facts.nth < PATIENCE
    if can_run and (facts.asked_to_run or chance("run") < UNASKED_RUN):
        return Intent(kind="run", words="I run the tests.", plain=plain)
    if facts.tests in (Report.UNRUN, Report.PASS):
        if not facts.reread_owed:
            return done
        if higher > draft and chance("reread") < ON_REREADING[kata.band]:
            words = f"{REREAD} One of them is not kept yet."
            return Intent(kind="write", words=words, plain=plain, rung=onward(), old=draft)
        return Intent(kind="finish", words=f"{REREAD} All of them are kept.", plain=plain)
    forward, sideways = BY_LINE[kata.band], 1.0
    if facts.tests is Report.CUT:
        forward, sideways = BLIND, BLIND + SIDEWAYS
    drawn = chance("repair")
    if drawn >= sideways or facts.nth >= PATIENCE or not facts.offer.writes:
        return done
    if drawn < forward and higher > draft:
        rung = onward() if facts.tests is Report.LINE else higher
        return Intent(kind="write", words="I see what is wrong.", plain=plain, rung=rung, old=draft)
    return Intent(kind="write", words="I try it another way.", plain=plain, rung=draft, sideways=True)


def _first(facts: Facts, kata: Kata, sample: bytes) -> int:
    """The rung of a first writing: the reference at once, or any of the drafts."""
    at_once = u(sample, "first", *facts.situation) < AT_ONCE[kata.band]
    rung = kata.top if at_once else pick(sample, kata.top, "which", *facts.situation)
    return min(rung, kata.reach(facts.rules))
