"""The seed's `improve` with models beside its own: one says what to change, one says what it thinks of the change."""

from __future__ import annotations

import json

import pytest

from archive import ExpansionOutcome
from dgm.jobs.expand import expand
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.llm.backends import Place, ScriptedBackend
from dgm.llm.backends.whole import completion
from dgm.llm.wire import Body
from dgm.seeds import read_agent
from sandbox import Sandbox
from tests.dgm.jobs.agents import expand_job, serving

SEED = read_agent("seed")


class Voices(ScriptedBackend):
    """Diagnoses, edits what it is told to, and is content with the second edit."""

    def __init__(self) -> None:
        super().__init__(())
        self.asked: list[tuple[str, str]] = []

    async def complete(self, request: Body, place: Place) -> Body:
        text = json.dumps(request["messages"])
        rounds = sum(role == "judge" for role, _ in self.asked)
        self.asked.append((place.role, text))
        message: Body = {"role": "assistant", "content": "Done."}
        if place.role == "diagnose":
            message["content"] = "Allow 9 turns."
        elif place.role == "judge":
            message["content"] = "OK." if "MAX_TURNS = 10" in text else "Not enough: allow 10."
        elif '"tool"' not in text:
            old, new = ("6 ", "9 ") if rounds == 0 else ("9 ", "10 ")
            edit = {"path": "loop.py", "old": f"MAX_TURNS = {old}", "new": f"MAX_TURNS = {new}"}
            call = {"name": "edit_file", "arguments": json.dumps(edit)}
            message = {**message, "tool_calls": [{"id": "1", "type": "function", "function": call}]}
        return completion(place, message, "stop", 7, 3)


def roles(sandbox: Sandbox, *beside: str) -> tuple[list[tuple[str, str]], bytes]:
    """What was asked of which role, and the child's loop."""
    backend = Voices()
    job = expand_job(
        SEED,
        manifest=parse_manifest(SEED[MANIFEST]),
        frozen={MANIFEST: SEED[MANIFEST]},
        beside=dict.fromkeys(beside),
    )
    with serving(sandbox, backend) as services:
        result = expand(job, services)
    assert result.outcome is ExpansionOutcome.CHILD, result.log
    assert result.child is not None
    assert result.record is not None
    assert [call.role for call in result.record.calls] == [role for role, _ in backend.asked]
    return backend.asked, result.child["loop.py"]


@pytest.mark.parametrize("beside", [(), ("diagnose",)])
def test_who_improves_hears_the_diagnosis(sandbox: Sandbox, beside: tuple[str, ...]) -> None:
    asked, loop = roles(sandbox, *beside)
    assert [role for role, _ in asked] == [*beside, "improve", "improve"]
    assert ("Allow 9 turns." in asked[-1][1]) is bool(beside)
    assert b"MAX_TURNS = 9 " in loop


def test_an_objection_is_worked_on_once_more(sandbox: Sandbox) -> None:
    asked, loop = roles(sandbox, "judge")
    assert [role for role, _ in asked] == ["improve", "improve", "judge", "improve", "improve"]
    assert "+MAX_TURNS = 9 " in asked[2][1]
    assert "Not enough: allow 10." in asked[3][1]
    assert b"MAX_TURNS = 10 " in loop
