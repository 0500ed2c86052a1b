"""Conversations about a kata, put together by hand, to see what the stand-in says next."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dgm.llm.backends.rehearsal.katas import Kata

Message = dict[str, object]


def tool(name: str, *parameters: str) -> Message:
    inner = {
        "type": "object",
        "properties": {p: {"type": "string"} for p in parameters},
        "required": list(parameters),
    }
    return {"type": "function", "function": {"name": name, "description": name, "parameters": inner}}


TOOLS = [
    tool("shell", "command"),
    tool("write_file", "path", "content"),
    tool("edit_file", "path", "old", "new"),
]


def calls(name: str, number: int, **arguments: str) -> Message:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": "So be it.", "tool_calls": [call]}


def result(content: str, number: int) -> Message:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


def instruction(kata: Kata, without: Sequence[int] = ()) -> str:
    rules = "\n".join(f"{number}. {rule}" for number, rule in kata.rules.items() if number not in without)
    return f"# {kata.title}\n\nWrite it.\n\n## Rules\n\n{rules}\n\nEdit `{kata.module}.py`.\n"


def opening(kata: Kata, without: Sequence[int] = (), words: str = "") -> list[Message]:
    """The task, and the stub as a first look at it shows it."""
    return [
        {"role": "system", "content": "You work through tools."},
        {"role": "user", "content": f"Solve this task.\n\n{instruction(kata, without)}\n{words}"},
        calls("shell", 1, command=f"cat {kata.module}.py"),
        result(kata.stub, 1),
    ]


def drafted(kata: Kata, rung: int, **more: object) -> list[Message]:
    """The same with a draft written."""
    write = calls("write_file", 2, path=f"{kata.module}.py", content=kata.ladder[rung])
    return [*opening(kata, **more), write, result("written", 2)]  # type: ignore[arg-type]


def tried(kata: Kata, rung: int, report: str, **more: object) -> list[Message]:
    """The same with the visible tests run."""
    run = calls("shell", 3, command="python3 -m unittest discover -p '*_test.py'")
    return [*drafted(kata, rung, **more), run, result(report, 3)]


def failing(kata: Kata, line: str = "AssertionError: 3 != 4") -> str:
    """A report of unittest in which one visible test fails; without its assertion line if `line` is empty."""
    name = sorted(kata.visible_names)[0]
    rule = "-" * 70
    head = f"F.\n{'=' * 70}\nFAIL: {name} ({kata.module}_visible_test.ATest.{name})\n{rule}\n"
    head += "Traceback (most recent call last):\n"
    head += f'  File "/box/workspace/{kata.module}_visible_test.py", line 9, in {name}\n'
    head += "    self.assertEqual(it(3), 4)\n"
    if not line:
        return head + "[output cut]\n"
    return head + f"{line}\n\n{rule}\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n"


PASSING = f"..\n{'-' * 70}\nRan 2 tests in 0.001s\n\nOK\n"
