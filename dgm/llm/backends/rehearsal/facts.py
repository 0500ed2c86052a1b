"""What a conversation shows, folded anew from its text on every request."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from .katas import KATAS, UNPARSEABLE, Kata, flat, normal
from .offer import Call, Offer, called, conversation, offered, said

Message = Mapping[str, object]

ASKED_TO_RUN = re.compile(r"\b(?:run|execute) (?:the |its |all |your )?(?:\w+ )?tests?\b", re.I)
ASKED_TO_REREAD = re.compile(r"\bre-?read\b[^.]{0,400}\b(?:rules?|instructions?|task)\b", re.I)
REREAD = "I re-read the rules."

_PARSE = re.compile(
    r"(?:bad|invalid|malformed|unreadable|not valid|could not|cannot|can't)\W+"
    r"(?:\w+\W+){0,3}(?:arguments?|json|actions?)\b"
    r"|(?:arguments?|json|actions?)\W+(?:\w+\W+){0,4}(?:invalid|malformed|not valid|could not|cannot|not|expecting)\b",
    re.I,
)
_UNKNOWN = re.compile(
    r"\b(?:unknown|no such|no) tool\b|\btool\b.{0,30}\b(?:unknown|not found|does not exist)", re.I
)
_MISSED = re.compile(
    r"\b(?:old|text|passage|string)\b.{0,40}\b(?:not found|not in|no match|missing|does not)", re.I
)
_FAILED = re.compile(
    r"^(?:FAIL|ERROR): (\w+)|^(?:FAILED|ERROR)\b.*::(\w+)|^_{3,} (?:\w+\.)?(\w+) _{3,}$", re.MULTILINE
)
_PASSED = re.compile(r"^OK\b|^=* ?\d+ passed(?!.*failed)", re.MULTILINE)
_BROKEN = re.compile(r"^FAILED\b|\b\d+ failed\b|\btests? fail", re.MULTILINE | re.I)
_ASSERTION = re.compile(
    r"^(?:E +)?[\w.]*(?:Error|Exception)\b[^\n]*(?<!\.\.\.)\n(?!.*(?:\bcut|truncat|omit|drop|\.\.\.))",
    re.MULTILINE,
)
_STARTS = re.compile(r"(?:from|import|def|class|async def) |@|[A-Za-z_]\w*(?:: \S+)? = |\"\"\"")
_NUMBERED = re.compile(r"^ *\d+[:|\t ] ?", re.MULTILINE)
_BETWEEN_FILES = re.compile(r"^(?:```|===|---|###|\[)", re.MULTILINE)


class Report(StrEnum):
    """What the conversation shows of the visible tests since the newest draft."""

    UNRUN = "unrun"
    PASS = "pass"
    LINE = "line"  # failing, the assertion line in sight
    CUT = "cut"  # failing, no assertion line in sight


class Trouble(StrEnum):
    """What was wrong with the last turn."""

    NONE = "none"
    EMPTY = "empty"
    PARSE = "parse"
    UNKNOWN = "unknown"
    MISSED = "missed"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A conversation as the stand-in understands it. `nth` counts how often it was in this situation before."""

    offer: Offer
    kata: Kata | None
    named: bool
    seen: bool
    rules: frozenset[int]
    draft: int | None
    tests: Report
    trouble: Trouble
    last: tuple[Call, ...]
    asked_to_run: bool
    reread_owed: bool
    looks: int
    nth: int

    @property
    def situation(self) -> tuple[object, ...]:
        """What the draws of a solving step depend on."""
        return (self.kata and self.kata.title, self.draft, self.tests.value, self.trouble.value, self.nth)


def fold(request: Mapping[str, object]) -> Facts:
    """The facts of one request; nothing but its messages and its tools counts."""
    messages = conversation(request)
    heard = [said(message) for message in messages if message["role"] != "assistant"]
    written = [value for message in messages for call in _calls(message) for value in call.arguments.values()]
    text = flat("\n".join([*heard, *written]))
    kata = _kata(heard)
    course = _Course(kata, asked_to_reread=any(ASKED_TO_REREAD.search(part) for part in heard))
    situations = []
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            course.say(message)
        else:
            course.hear(said(message))
        if place + 1 == len(messages) or messages[place + 1]["role"] == "assistant":
            situations.append((course.draft, course.tests, course.trouble))
    return Facts(
        offer=offered(request.get("tools")),
        kata=kata,
        named=kata is not None and kata.module in text,
        seen=kata is not None and all(line in text for line in kata.signature),
        rules=frozenset(number for number, rule in (kata.rules if kata else {}).items() if rule in text),
        draft=course.draft,
        tests=course.tests,
        trouble=course.trouble,
        last=course.last,
        asked_to_run=any(ASKED_TO_RUN.search(part) for part in heard),
        reread_owed=course.reread_owed,
        looks=course.looks,
        nth=situations[:-1].count(situations[-1]),
    )


class _Course:
    """The course of a conversation, message by message."""

    def __init__(self, kata: Kata | None, *, asked_to_reread: bool) -> None:
        self.kata = kata
        self.asked_to_reread = asked_to_reread
        self.reread_owed = False
        self.draft: int | None = None
        self.tests = Report.UNRUN
        self.trouble = Trouble.NONE
        self.last: tuple[Call, ...] = ()
        self.looks = 0
        self._before: tuple[int | None, Report] = (None, Report.UNRUN)
        self._empty = self._spoken = False

    def say(self, message: Message) -> None:
        """Something that the model said."""
        self.last = tuple(_calls(message))
        self._spoken, self._empty = True, not self.last and not said(message).strip()
        self.looks += any(_looks(call) for call in self.last)
        self.trouble, self._before = Trouble.NONE, (self.draft, self.tests)
        self.reread_owed = self.reread_owed and REREAD not in said(message)
        for call in self.last:
            rung = _written(self.kata, self.draft, call)
            if rung is not None:
                self._have(rung)
                self.reread_owed = self.asked_to_reread

    def hear(self, content: str) -> None:
        """Something that the agent's code said: the task, a result, a question."""
        self.reread_owed = self.reread_owed or ASKED_TO_REREAD.search(content) is not None
        rung = _shown(self.kata, content)
        if rung is not None and rung != (-1 if self.draft is None else self.draft):
            self._have(rung)
        if not self._spoken:
            return
        if self.trouble is Trouble.NONE:
            self.trouble = Trouble.EMPTY if self._empty else troubled(content)
            if self.trouble is not Trouble.NONE:  # what was called for did not happen
                self.draft, self.tests = self._before
        if self.draft is not None:
            self.tests = _reported(self.kata, content) or self.tests

    def _have(self, rung: int) -> None:
        self.draft, self.tests = rung if rung >= 0 else None, Report.UNRUN


def _calls(message: Message) -> list[Call]:
    return list(called(message)) if message["role"] == "assistant" else []


def _kata(heard: Sequence[str]) -> Kata | None:
    """The kata whose title heads a line of what was heard."""
    for part in heard:
        for line in part.splitlines():
            if line.lstrip().startswith("#") and line.strip(" #") in KATAS:
                return KATAS[line.strip(" #")]
    return None


def _looks(call: Call) -> bool:
    values = " ".join(call.arguments.values())
    return not ("<<" in values or "unittest" in values or len(call.arguments) > 1) and "test" not in call.name


def _written(kata: Kata | None, draft: int | None, call: Call) -> int | None:
    """The rung that a call puts into the file, if any."""
    if kata is None:
        return None
    if len(call.arguments) == 3 and draft is not None:  # an edit: path, old, new
        _, old, new = call.arguments.values()
        text = kata.ladder[draft]
        return _shown(kata, text.replace(old, new)) if old and text.count(old) == 1 else None
    found = [_shown(kata, value) for value in call.arguments.values()]
    return next((rung for rung in reversed(found) if rung is not None), None)


def _shown(kata: Kata | None, text: str) -> int | None:
    """The rung of the last whole solution that stands in `text`."""
    if kata is None or not all(line in text for line in kata.signature):
        return None
    return last_rung(kata.title, text)


@lru_cache(maxsize=4096)
def last_rung(title: str, text: str) -> int | None:
    rungs, found = KATAS[title].rungs, None
    for region in _BETWEEN_FILES.split(_NUMBERED.sub("", text) if _NUMBERED.match(text) else text):
        for statements in _python(region):
            for tree, rung in rungs.items():
                size = len(tree)
                if any(statements[at : at + size] == tree for at in range(len(statements) - size + 1)):
                    found = rung
    return found


def _python(text: str) -> list[tuple[str, ...]]:
    """The stretches of `text` that are Python, each as the trees of its statements."""
    lines, found, start = text.splitlines(), [], 0
    while start < len(lines):
        if not _STARTS.match(lines[start]):
            start += 1
            continue
        end = parseable(lines, start)
        if end > start:
            found.append(normal("\n".join(lines[start:end])))
        start = max(end, start + 1)
    return found


def parseable(lines: Sequence[str], start: int = 0) -> int:
    """Where the longest stretch of Python that begins at line `start` ends; `start` if there is none."""
    end = len(lines)
    while end > start:
        try:
            ast.parse("\n".join(lines[start:end]))
        except SyntaxError as error:
            end = min(end - 1, start + (error.lineno or 1) - 1)
        except UNPARSEABLE:
            return start
        else:
            return end
    return start


def _reported(kata: Kata | None, text: str) -> Report | None:
    """What a test report in `text` says, if one stands there."""
    failing = {name for match in _FAILED.findall(text) for name in match if name}
    if kata is not None and failing & kata.visible_names:
        return Report.LINE if _ASSERTION.search(text) else Report.CUT
    if failing or _BROKEN.search(text):
        return Report.CUT
    if "Ran 0 tests" in text or "NO TESTS" in text:
        return None
    return Report.PASS if _PASSED.search(text) else None


def troubled(text: str) -> Trouble:
    """What a short result complains about."""
    if len(text) > 600:
        return Trouble.NONE
    for pattern, trouble in ((_PARSE, Trouble.PARSE), (_UNKNOWN, Trouble.UNKNOWN), (_MISSED, Trouble.MISSED)):
        if pattern.search(text):
            return trouble
    return Trouble.NONE
