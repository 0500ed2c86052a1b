"""Saying an intent in the tools that the request offers, with the slips of a weak speaker."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from .draws import u
from .katas import Kata
from .offer import Call, Offer, conversation, said
from .reply import Reply
from .solve import Intent

EMPTY, MALFORMED, TWO_AT_ONCE, INDENTATION = 0.07, 0.18, 0.05, 0.08
RUN_TESTS = "python3 -B -m unittest discover -p '*_test.py'"
SHOW_FILES = "head -n 400 *.py *.md *.txt */*.md */*.txt 2>/dev/null"
SIDEWAYS = "\n# The same thought in other words.\n"


class Situation(Protocol):
    """What speaking needs to know of the facts."""

    @property
    def offer(self) -> Offer: ...

    @property
    def kata(self) -> Kata | None: ...

    @property
    def situation(self) -> tuple[object, ...]: ...


def speak(intent: Intent, facts: Situation, sample: bytes, request: Mapping[str, object]) -> Reply:
    """The reply that says `intent`."""

    def slips(slip: str, rate: float) -> bool:
        return not intent.plain and u(sample, slip, intent.kind, *facts.situation) < rate

    if slips("empty", EMPTY):
        return _reply(request, "", ())
    calls = _calls(intent, facts, slips("indentation", INDENTATION))
    if calls and intent.kind in ("look", "write") and slips("two at once", TWO_AT_ONCE):
        calls += _run(facts.offer) if intent.kind == "write" else _shell(facts.offer, "ls")
    fenced = u(sample, "fenced", intent.kind, *facts.situation) < 0.5
    return _reply(request, intent.words, calls, malformed=slips("malformed", MALFORMED), fenced=fenced)


def _calls(intent: Intent, facts: Situation, slip: bool) -> tuple[Call, ...]:
    offer, kata = facts.offer, facts.kata
    file = f"{kata.module}.py" if kata else ""
    match intent.kind:
        case "again":
            return (intent.call,) if intent.call else ()
        case "list":
            return _shell(offer, "ls") or _read(offer, ".")
        case "look":
            return _read(offer, file)
        case "run":
            return _run(offer)
        case "files":
            return _shell(offer, SHOW_FILES)
        case "check":
            return (Call(offer.tests, {}),) if offer.tests else _shell(offer, "python3 -B -m unittest -q")
        case "write" if kata is not None:
            text = kata.ladder[intent.rung] + (SIDEWAYS if intent.sideways else "")
            before = kata.ladder[intent.old] if intent.old is not None else None
            by_edit = before is not None and offer.edit is not None and not intent.plain
            hunk = narrow(before, text) if by_edit and before is not None else None
            return edit(offer, file, *hunk, slip) if hunk else write(offer, file, text)
        case "change":
            return edit(offer, intent.path, intent.before, intent.after, slip)
        case _:
            return (Call(offer.finish, {}),) if offer.finish else ()


def _shell(offer: Offer, command: str) -> tuple[Call, ...]:
    return (Call(offer.shell[0], {offer.shell[1]: command}),) if offer.shell else ()


def _read(offer: Offer, path: str) -> tuple[Call, ...]:
    return (Call(offer.read[0], {offer.read[1]: path}),) if offer.read else _shell(offer, f"cat {path}")


def _run(offer: Offer) -> tuple[Call, ...]:
    return (Call(offer.tests, {}),) if offer.tests else _shell(offer, RUN_TESTS)


def write(offer: Offer, path: str, text: str) -> tuple[Call, ...]:
    """A call that makes `text` the content of a file."""
    if offer.write:
        name, to, content = offer.write
        return (Call(name, {to: path, content: text}),)
    return _shell(offer, f"cat > {path} <<'EOF'\n{text.rstrip()}\nEOF")


def edit(offer: Offer, path: str, old: str, new: str, slip: bool = False) -> tuple[Call, ...]:
    """A call that replaces one passage; with a slip the old passage is indented by a blank too many."""
    if slip:
        old = " " + old
    if offer.edit:
        name, to, before, after = offer.edit
        return (Call(name, {to: path, before: old, after: new}),)
    script = f"from pathlib import Path\np = Path({path!r})\nt = p.read_text()\nold = {old!r}\nassert t.count(old) == 1"
    script += f", 'old text not found'\np.write_text(t.replace(old, {new!r}))"
    return _shell(offer, f"python3 - <<'EOF'\n{script}\nEOF")


def narrow(before: str, after: str) -> tuple[str, str] | None:
    """The smallest run of whole lines that holds every difference and stands only once in `before`, old and new."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    blocks = [
        code for code in difflib.SequenceMatcher(None, old, new, False).get_opcodes() if code[0] != "equal"
    ]
    if not blocks:
        return None
    start, end, tail = blocks[0][1], blocks[-1][2], len(new) - blocks[-1][4]
    while start == end or before.count("".join(old[start:end])) != 1:
        if start == 0 and tail == 0:
            return None
        start, end, tail = max(0, start - 1), min(len(old), end + 1), max(0, tail - 1)
    return "".join(old[start:end]), "".join(new[start : len(new) - tail])


def _reply(
    request: Mapping[str, object],
    words: str,
    calls: Sequence[Call],
    *,
    malformed: bool = False,
    fenced: bool = False,
) -> Reply:
    messages = conversation(request)
    message: dict[str, object] = {"role": "assistant", "content": words}
    if calls and not calls[0].name:
        blocks = [f"```bash\n{call.arguments['command']}\n```" for call in calls]
        message["content"] = "\n\n".join(
            [words, *(block.strip("`") if malformed else block for block in blocks)]
        )
    elif calls:
        message["tool_calls"] = [
            {
                "id": f"call_{len(messages)}_{place}",
                "type": "function",
                "function": {"name": call.name, "arguments": _written(call, malformed and not place, fenced)},
            }
            for place, call in enumerate(calls)
        ]
    tokens = sum(len(said(part)) + len(str(part.get("tool_calls", ""))) for part in messages) // 4
    return Reply(
        message=message,
        finish_reason="tool_calls" if "tool_calls" in message else "stop",
        input_tokens=tokens + len(str(request.get("tools", ""))) // 4,
        output_tokens=1 + len(str(message)) // 4,
    )


def _written(call: Call, malformed: bool, fenced: bool) -> str:
    text = json.dumps(call.arguments, ensure_ascii=False)
    if not malformed:
        return text
    return f"```json\n{text}\n```" if fenced else text[:-1] + ",}"
