"""The smoke gate: can the child still lead a conversation and write a file?

The host plays the model by a script (look at the stub, write the answer, stop), so the verdict says nothing about the
child's skill, only that its `solve` still works. The answer holds a word that only the script knows: a child that does
not listen cannot pass. The script speaks through whatever tools the child offers, or through fenced shell blocks where
it offers none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dgm.llm.backends import Place
from dgm.llm.backends.whole import WholeAnswers, completion
from dgm.llm.wire import Body

FILE = "smoke_signal.py"
STUB = b'def smoke_signal(puffs: int) -> str:\n    """Return one `~` per puff."""\n    raise NotImplementedError\n'
INSTRUCTION = f"""# Smoke signal

`smoke_signal(puffs)` gives one `~` for each puff.

## Rules

1. The result has exactly `puffs` characters, all of them `~`.

Edit only {FILE}. Keep the name and the signature.
"""

WORKSPACE: Mapping[str, bytes] = {FILE: STUB}

_COMMANDS = ("command", "cmd", "commands", "script", "bash", "shell")
_CODES = ("code", "python")
_PATHS = ("path", "file", "filename", "file_path", "filepath", "name")
_CONTENTS = ("content", "contents", "text", "file_text", "body", "source")
_VERBS = {True: ("create", "write", "overwrite", "save"), False: ("view", "read", "open", "cat")}


def answer(sample: bytes) -> str:
    """What the script wants to see in `FILE`; the word in it follows from the rollout's sample."""
    word = hashlib.sha256(b"smoke " + sample).hexdigest()[:12]
    signature = STUB.decode().partition("    raise")[0]
    return f'{signature}    return "~" * puffs  # seen from {word}\n'


def passed(files: Mapping[str, bytes] | None, sample: bytes) -> bool:
    """Whether the workspace that the child left holds the script's answer."""
    return files is not None and files.get(FILE, b"").strip() == answer(sample).strip().encode()


def reply(request: Mapping[str, object], sample: bytes, n: int) -> Mapping[str, object]:
    """The script's answer to call `n` of a rollout, in chat completions form.

    What has been done is read off the conversation, so that a child may plan in calls of its own or drop what is old.
    """
    text = answer(sample)
    word = text.split()[-1]
    tools = list(_tools(request))
    said = [json.dumps(message.get("tool_calls" if tools else "content")) for message in _assistant(request)]
    if any(word in what for what in said):
        return {"role": "assistant", "content": "Done."}
    for writing in (True,) if said or n else (False, True):
        for tool, arguments in _choices(tools, text, writing):
            return _call(tool.name, arguments, n)
    block = _shell(text, writing=bool(said or n))
    return {"role": "assistant", "content": f"```bash\n{block}\n```"}


@dataclass(frozen=True)
class _Tool:
    """A tool as the child offers it: the schemas of its arguments and which of them must be given."""

    name: str
    arguments: Mapping[str, Mapping[str, object]]
    required: tuple[str, ...]

    def one_of(self, words: Sequence[str]) -> str | None:
        """The first of `words` that names a free text."""
        return next((word for word in words if "enum" not in self.arguments.get(word, {"enum": 0})), None)

    def filled(self, given: Mapping[str, object], *, writing: bool) -> dict[str, object]:
        """`given` and something harmless for whatever else must be given."""
        rest = [name for name in self.required if name not in given]
        return {**given, **{name: _filler(self.arguments.get(name, {}), writing) for name in rest}}


def _choices(tools: Sequence[_Tool], text: str, writing: bool) -> Iterator[tuple[_Tool, dict[str, object]]]:
    """Ways to look at the stub, or to write the answer, the plainest first."""
    for tool in tools:
        if command := tool.one_of(_COMMANDS):
            line: object = _shell(text, writing=writing)
            if tool.arguments[command].get("type") == "array":
                line = ["bash", "-c", line]
            yield tool, tool.filled({command: line}, writing=writing)
    for tool in tools:
        if code := tool.one_of(_CODES):
            program = f"open({FILE!r}, 'w').write({text!r})" if writing else f"print(open({FILE!r}).read())"
            yield tool, tool.filled({code: program}, writing=writing)
    for tool in sorted(tools, key=lambda tool: len(tool.required)):
        path, content = tool.one_of(_PATHS), tool.one_of(_CONTENTS)
        if path and writing and content:
            yield tool, tool.filled({path: FILE, content: text}, writing=True)
        elif path and not writing and not content:
            yield tool, tool.filled({path: FILE}, writing=False)


def _shell(text: str, *, writing: bool) -> str:
    return f"cat > {FILE} <<'END'\n{text}END" if writing else f"cat {FILE}"


def _filler(schema: Mapping[str, object], writing: bool) -> object:
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return next((verb for verb in _VERBS[writing] if verb in choices), choices[0])
    kind = schema.get("type")
    return {"integer": 10, "number": 10, "boolean": False, "array": [], "object": {}}.get(str(kind), ".")


def _assistant(request: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping) and message.get("role") == "assistant":
            yield message


def _tools(request: Mapping[str, object]) -> Iterator[_Tool]:
    tools = request.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            continue
        schema = function.get("parameters")
        schema = schema if isinstance(schema, Mapping) else {}
        properties, required = schema.get("properties"), schema.get("required")
        arguments = properties if isinstance(properties, Mapping) else {}
        yield _Tool(
            name=function["name"],
            arguments={name: s if isinstance(s, Mapping) else {} for name, s in arguments.items()},
            required=tuple(w for w in required if isinstance(w, str)) if isinstance(required, list) else (),
        )


def _call(name: str, arguments: Mapping[str, object], number: int) -> Mapping[str, object]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


class SmokeBackend(WholeAnswers):
    """Plays the script to whoever asks."""

    name = "smoke"

    async def complete(self, request: Body, place: Place) -> Body:
        message = reply(request, place.sample, place.n)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        return completion(place, message, finish, 1, 1)
