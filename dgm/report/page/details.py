"""What the page shows of one agent, one result, one decision: each a value by itself, read when somebody looks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache

from archive import AgentId, Decision, Evaluation, Expansion, NotLocalError, UnknownBlobError, bounded_patch
from archive.schema import from_arrow
from dgm.llm.recordings import conversation
from dgm.llm.transcript import Message
from dgm.report.details import row_data
from dgm.report.views import RunView
from dgm.report.why import why

Detail = Mapping[str, object]

TEXT = 100_000
"""Characters of one message, log or patch that are shown."""


class Details:
    """Reads details of one run. Keeps the seed's files and the expansions, since every agent is compared with them."""

    def __init__(self, view: RunView) -> None:
        self._view = view
        self._run = view.run
        self._files = lru_cache(maxsize=64)(self._read)

    @cached_property
    def expansions(self) -> Mapping[int, Expansion]:
        """Every result of an expansion by its entry."""
        rows = from_arrow("expansions", self._run.expansions)
        return {row.seq: row for row in rows if isinstance(row, Expansion)}

    @cached_property
    def _made(self) -> Mapping[AgentId, Expansion]:
        return {row.child: row for row in self.expansions.values() if row.child is not None}

    @cached_property
    def _seed(self) -> Mapping[str, bytes]:
        return self._read(self._view.tree().ids[0])

    def _read(self, agent: AgentId) -> Mapping[str, bytes]:
        return self._run.code.files(agent)

    def agent(self, id: AgentId) -> Detail:
        """How it was made, what that was asked for, and how it differs from its parent and from the seed."""
        made = self._made.get(id)
        agent = self._run.lineage.agent(id)
        return {
            "made_by": None if made is None else made.seq,
            "gates": [] if made is None else _bounded(row_data(made))["gates"],
            "brief": "" if made is None else self._text(made.brief),
            "to_parent": "" if agent.parent is None else self._patch(agent.parent, id),
            "to_seed": "" if agent.parent is None else self._patch(None, id),
        }

    def result(self, row: Expansion | Evaluation) -> Detail:
        """One rollout: its row, its transcript and its log."""
        said = {"messages": self._messages(row.transcript), "log_text": self._text(row.log)}
        return {**_bounded(row_data(row)), **said}

    def decision(self, row: Decision) -> Detail:
        """What the policy saw, what it compared, and why it chose this."""
        return {**_bounded(row_data(row)), "why": _clipped(why(row).sentence)}

    def _patch(self, before: AgentId | None, after: AgentId) -> str:
        """From an agent, or from the seed, to another."""
        try:
            files = self._seed if before is None else self._files(before)
            return _clipped(bounded_patch(files, self._files(after)).text)
        except NotLocalError as error:
            return str(error)

    def _text(self, digest: str | None) -> str:
        try:
            return "" if digest is None else _clipped(self._run.blobs.get(digest).decode("utf-8", "replace"))
        except UnknownBlobError as error:
            return str(error)

    def _messages(self, digest: str | None) -> list[Detail]:
        """The conversation as events: what was said, the tools that were called, what they answered."""
        if digest is None:
            return []
        try:
            return [
                event for message in conversation(self._run.blobs.get(digest)) for event in _events(message)
            ]
        except UnknownBlobError as error:
            return [{"role": "missing", "text": str(error)}]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            told = f"the transcript {digest} is in another form than dgm writes: {error!r:.200}"
            return [{"role": "missing", "text": told}]


def _events(message: Message) -> Iterable[Detail]:
    role = str(message.get("role") or "unknown")
    text = _said(message.get("content"))
    if text or not message.get("tool_calls"):
        yield {"role": role, "text": _clipped(text)}
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        told = call.get("function") if isinstance(call, dict) else None
        name, arguments = (told.get("name"), told.get("arguments")) if isinstance(told, dict) else ("", call)
        yield {"role": "call", "name": str(name), "text": _clipped(_said(arguments))}


def _said(content: object) -> str:
    """The text of a message, of its parts one after the other; anything else as JSON."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, dict) else None for part in content)
        return "\n".join(
            part if isinstance(part, str) else _said_as_json(raw)
            for part, raw in zip(parts, content, strict=True)
        )
    return _said_as_json(content)


def _said_as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def _bounded(row: Detail) -> Detail:
    """The row with its long texts clipped."""
    return {name: _clipped_inside(value) for name, value in row.items()}


def _clipped_inside(value: object) -> object:
    match value:
        case str():
            return _clipped(value)
        case Mapping():
            return _bounded(value)
        case list():
            return [_clipped_inside(inner) for inner in value]
        case _:
            return value


def _clipped(text: str) -> str:
    left = len(text) - TEXT
    return text if left <= 0 else f"{text[:TEXT]}\n[{left} more characters]"
