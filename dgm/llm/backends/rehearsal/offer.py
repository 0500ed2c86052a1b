"""The tools that a request offers, sorted by what their schemas let one do, and calls read back from a conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_PATH = re.compile(r"path|file|target", re.I)
_CONTENT = re.compile(r"content|text|body|source|code", re.I)
_OLD = re.compile(r"old|search|find|before|from", re.I)
_NEW = re.compile(r"new|repl|after|to$", re.I)
_COMMAND = re.compile(r"command|cmd|script|bash|code", re.I)
_FENCE = re.compile(r"```[\w.+-]*\n(.*?)\n?```", re.DOTALL)


@dataclass(frozen=True)
class Call:
    """One tool call: the tool's name and its arguments by parameter name."""

    name: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Which tool does what; each is (tool name, parameter names) or None where nothing offered does it."""

    shell: tuple[str, str] | None = None
    read: tuple[str, str] | None = None
    write: tuple[str, str, str] | None = None
    edit: tuple[str, str, str, str] | None = None
    tests: str | None = None
    finish: str | None = None

    @property
    def runs(self) -> bool:
        return self.shell is not None or self.tests is not None

    @property
    def writes(self) -> bool:
        return self.shell is not None or self.write is not None


PLAIN = Offer(shell=("", "command"))
"""No tools at all: a command stands in a fenced block of the reply, as in mini-swe-agent."""


def offered(tools: object) -> Offer:
    """What the `tools` of a request let one do, judged by parameter names."""
    if not isinstance(tools, Sequence) or not tools:
        return PLAIN
    found: dict[str, Any] = {}
    for tool in tools:
        function = tool["function"]
        parameters = function.get("parameters", {})
        names = [str(name) for name in parameters.get("properties", {})]
        needed = [name for name in names if name in parameters.get("required", names)]
        path, old, new, content, command = (
            next((name for name in names if pattern.search(name)), None)
            for pattern in (_PATH, _OLD, _NEW, _CONTENT, _COMMAND)
        )
        if path and old and new:
            found.setdefault("edit", (function["name"], path, old, new))
        elif path and content and content != path:
            found.setdefault("write", (function["name"], path, content))
        elif path and needed in ([path], []):
            found.setdefault("read", (function["name"], path))
        elif command and len(needed) == 1:
            found.setdefault("shell", (function["name"], command))
        elif not needed and re.search("test", function["name"], re.I):
            found.setdefault("tests", function["name"])
        elif not needed and re.search("finish|submit|done|stop|complete", function["name"], re.I):
            found.setdefault("finish", function["name"])
    return Offer(**found)


def conversation(request: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """The messages of a request, which the door has checked to be a list of objects."""
    messages: Any = request["messages"]
    found: Sequence[Mapping[str, object]] = messages
    return found


def called(message: Mapping[str, object]) -> Iterator[Call]:
    """The calls in an assistant message, read as leniently as a person would."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, Sequence) else ():
        function = call["function"]
        yield Call(function["name"], _arguments(str(function["arguments"])))
    if not calls:
        for block in _FENCE.findall(said(message)):
            yield Call("", {"command": block})


def said(message: Mapping[str, object]) -> str:
    """The text of a message, whichever of the two forms its content has."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


@lru_cache(maxsize=4096)
def _arguments(text: str) -> Mapping[str, str]:
    fenced = _FENCE.search(text)
    for candidate in (text, fenced.group(1) if fenced else text):
        for tried in (candidate, re.sub(r",\s*}\s*$", "}", candidate)):
            try:
                parsed = json.loads(tried)
            except (ValueError, RecursionError):
                continue
            if isinstance(parsed, dict):
                return {str(key): value for key, value in parsed.items() if isinstance(value, str)}
    return {}
