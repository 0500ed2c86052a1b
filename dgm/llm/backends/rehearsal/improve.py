"""What the stand-in does next while it improves an agent."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .draws import u
from .facts import ASKED_TO_RUN, Trouble, troubled
from .lessons import Lines, better_lines, is_shown
from .offer import Call, Offer, called, conversation, offered, said
from .repertoire import BASE, EDITS, Change, change
from .shown import IMPROVING, agent_files, signs
from .solve import AGAIN, PATIENCE, Intent

IN_SIGHT = 12.0
"""How much more weight edits have when a sign of what they cure is in sight."""
REPAIR = 0.80
"""How often a failing check leads to a repair; otherwise the edit is taken back."""

_FAILING = re.compile(
    r"^FAILED\b|^Traceback|\b(?:Syntax|Indentation|Name|Attribute|Type|Index|Key)Error\b", re.MULTILINE
)
_PASSING = re.compile(r"^OK\b", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A conversation about improving an agent. `check` is what its own tests said since the last edit."""

    offer: Offer
    files: Mapping[str, str]
    signs: frozenset[str]
    better: Lines
    edits: tuple[str, ...]
    check: str
    checks_offered: bool
    trouble: Trouble
    last: tuple[Call, ...]
    looks: int
    nth: int
    kata: None = None

    @property
    def situation(self) -> tuple[object, ...]:
        return (len(self.edits), self.check, self.trouble.value, self.looks, self.nth)


def improving(request: Mapping[str, object]) -> bool:
    """Whether the opening of the conversation asks for a better agent rather than for a solution."""
    messages = conversation(request)
    opening = (said(m) for m in messages[:2] if m["role"] != "assistant")
    return any(IMPROVING.search(text) for text in opening)


def fold_improving(request: Mapping[str, object]) -> Shown:
    """What an improving conversation shows; nothing but its messages and its tools counts."""
    messages = conversation(request)
    offer = offered(request.get("tools"))
    heard: list[str] = []
    edits: list[str] = []
    check, trouble, looks, empty = "", Trouble.NONE, 0, False
    last: tuple[Call, ...] = ()
    situations: list[tuple[object, ...]] = []
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            last = tuple(called(message))
            empty, trouble = not last and not said(message).strip(), Trouble.NONE
            made = ["\0".join(call.arguments.values()) for call in last if _changes(call)]
            if made:
                edits, check = [*edits, *made], ""
            looks += bool(last) and not made
        else:
            content = said(message)
            heard.append(content)
            if place > 1:
                trouble = (
                    Trouble.EMPTY if empty else trouble if trouble is not Trouble.NONE else troubled(content)
                )
                if trouble is not Trouble.NONE and last and _changes(last[0]) and edits:
                    edits = edits[:-1]
                elif edits:
                    check = (
                        "failing"
                        if _FAILING.search(content)
                        else "passing"
                        if _PASSING.search(content)
                        else check
                    )
        if place + 1 == len(messages) or messages[place + 1]["role"] == "assistant":
            situations.append((len(edits), check, trouble, looks))
    return Shown(
        offer=offer,
        files=agent_files(heard),
        signs=signs(heard),
        better=better_lines(heard),
        edits=tuple(edits),
        check=check,
        checks_offered=offer.runs and any(ASKED_TO_RUN.search(text) for text in heard),
        trouble=trouble,
        last=last,
        looks=looks,
        nth=situations[:-1].count(situations[-1]),
    )


def _changes(call: Call) -> bool:
    return len(call.arguments) == 3 or any("<<" in value for value in call.arguments.values())


def choose(shown: Shown, sample: bytes) -> Change | None:
    """The edit that wins among those that fit, each with a chance in proportion to its weight.

    The weight of a kind is shared by its edits that nothing speaks for; `IN_SIGHT` times that weight is shared by
    those that cure something of which a sign is in sight, or that an agent which did better is shown to have.
    """
    fitting = _fitting(tuple(shown.files.items()), sample)
    groups = Counter(_group(found, shown) for found in fitting)
    best: Change | None = None
    earliest = math.inf
    for found in fitting:
        kind, cures = group = _group(found, shown)
        weight = BASE[kind] * (IN_SIGHT if cures else 1.0) / groups[group]
        arrival = -math.log(1.0 - u(sample, "choose", found.edit.name)) / weight
        if arrival < earliest:
            best, earliest = found, arrival
    return best


@lru_cache(maxsize=64)
def _fitting(files: tuple[tuple[str, str], ...], sample: bytes) -> tuple[Change, ...]:
    return tuple(found for edit in EDITS.values() if (found := change(edit, dict(files), sample)))


def _group(found: Change, shown: Shown) -> tuple[str, bool]:
    cures = not shown.signs.isdisjoint(found.edit.cures)
    return found.edit.kind, cures or is_shown(found.before, found.after, shown.better)


def next_change(shown: Shown, sample: bytes) -> Intent:
    """The first step that fits."""
    plain = shown.trouble is not Trouble.NONE
    done = Intent(kind="finish", words="Done.", plain=plain)
    if plain:
        if u(sample, "again", *shown.situation) >= AGAIN or shown.nth >= PATIENCE:
            return Intent(kind="finish", words="I cannot get further here.", plain=True)
        if shown.trouble is Trouble.PARSE and shown.last and shown.last[0].arguments:
            return Intent(kind="again", words="Once more.", plain=True, call=shown.last[0])
    if not shown.files:
        if shown.looks >= PATIENCE or not shown.offer.shell:
            return Intent(kind="finish", words="I do not see the agent's files.")
        return Intent(kind="files", words="First I look at the files.", plain=plain)
    chosen = choose(shown, sample)
    if chosen is None:
        return Intent(kind="finish", words="I see nothing to change.", plain=plain)
    if not shown.edits:
        return _say("I change one thing.", chosen.path, chosen.before, chosen.after, plain)
    if shown.check == "failing" and len(shown.edits) < PATIENCE and _made(chosen.after, shown.edits[-1]):
        right = change(EDITS[chosen.edit.of], shown.files, sample) if chosen.edit.of else None
        if right is not None and u(sample, "mend", *shown.situation) < REPAIR:
            return _say("I mend my change.", chosen.path, chosen.after, right.after, True)
        return _say("I take my change back.", chosen.path, chosen.after, chosen.before, True)
    if shown.check == "" and shown.checks_offered:
        return Intent(kind="check", words="I run the agent's tests.", plain=plain)
    return done


def _made(after: str, edit: str) -> bool:
    return after in edit or repr(after) in edit


def _say(words: str, path: str, before: str, after: str, plain: bool) -> Intent:
    return Intent(kind="change", words=words, plain=plain, path=path, before=before, after=after)
