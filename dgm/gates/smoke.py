"""The smoke gate: can the child still lead a conversation and write a file?

The host plays the model with a fixed script (look at the stub, write the answer, stop), so the verdict says nothing
about the child's skill, only that its `solve` still works. The script speaks through whatever tools the child offers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dgm.llm.backends import Place
from dgm.llm.backends.rehearsal.reply import Reply
from dgm.llm.backends.whole import WholeAnswers, as_completion
from dgm.llm.wire import Body

ROLE = "smoke"
FILE = "smoke_signal.py"
STUB = b'def smoke_signal(puffs: int) -> str:\n    """Return one `~` per puff."""\n    raise NotImplementedError\n'
ANSWER = 'def smoke_signal(puffs: int) -> str:\n    """Return one `~` per puff."""\n    return "~" * puffs\n'
INSTRUCTION = f"""# Smoke signal

`smoke_signal(puffs)` gives one `~` for each puff.

## Rules

1. The result has exactly `puffs` characters, all of them `~`.

Edit only {FILE}. Keep the name and the signature.
"""

WORKSPACE: Mapping[str, bytes] = {FILE: STUB}

_COMMAND_WORDS = ("command", "cmd", "script", "bash", "shell", "commands")
_PATH_WORDS = ("path", "file", "filename", "file_path", "name")
_CONTENT_WORDS = ("content", "contents", "text", "body", "source", "new")


def passed(files: Mapping[str, bytes] | None) -> bool:
    """Whether the workspace that the child left holds the known answer."""
    return files is not None and files.get(FILE, b"").strip() == ANSWER.strip().encode()


def reply(request: Mapping[str, object]) -> Mapping[str, object]:
    """The script's next assistant message, in chat completions form, for a request of the child's."""
    messages = request.get("messages")
    said = [
        message
        for message in (messages if isinstance(messages, Sequence) else ())
        if isinstance(message, Mapping) and message.get("role") == "assistant"
    ]
    if len(said) >= 2:
        return {"role": "assistant", "content": "Done."}
    write = len(said) == 1
    for name, parameters in _tools(request):
        command = _named(parameters, _COMMAND_WORDS)
        path, content = _named(parameters, _PATH_WORDS), _named(parameters, _CONTENT_WORDS)
        if command:
            text = f"cat > {FILE} <<'END'\n{ANSWER}END" if write else f"cat {FILE}"
            return _call(name, {command: text}, len(said))
        if write and path and content:
            return _call(name, {path: FILE, content: ANSWER}, len(said))
    block = f"cat > {FILE} <<'END'\n{ANSWER}END" if write else f"cat {FILE}"
    return {"role": "assistant", "content": f"```bash\n{block}\n```"}


def _tools(request: Mapping[str, object]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    tools = request.get("tools")
    for tool in tools if isinstance(tools, Sequence) else ():
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            continue
        schema = function.get("parameters")
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        found.append((function["name"], list(properties) if isinstance(properties, Mapping) else []))
    return found


def _named(parameters: Sequence[str], words: Sequence[str]) -> str | None:
    return next((word for word in words if word in parameters), None)


def _call(name: str, arguments: Mapping[str, str], number: int) -> Mapping[str, object]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
        ],
    }


class SmokeBackend(WholeAnswers):
    """Plays the script to whoever asks."""

    name = "smoke"

    async def complete(self, request: Body, place: Place) -> Body:
        message = reply(request)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        return as_completion(
            Reply(message=message, finish_reason=finish, input_tokens=0, output_tokens=0), place
        )
