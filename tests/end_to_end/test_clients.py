"""The stock `openai` client in both major versions from inside a container: both APIs, streamed or not, with tools."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm import RolloutSpec
from dgm.llm.upstreams import OpenAI
from sandbox import Level, Sandbox, open_sandbox
from sandbox.testing import a_spec
from tests.dgm.jobs.agents import LIMITS
from tests.fake_upstream import FakeUpstream

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]

OLD = (
    "openai==2.54.0", "httpx==0.28.1", "httpcore==1.0.9", "h11==0.16.0", "certifi==2026.10.18", "idna==3.20",
    "sniffio==1.3.1", "tqdm==4.70.1", "distro==1.9.0",
)  # fmt: skip
"""Version 2 with what it needs besides the packages in the image, which are those of version 3: read as they are."""

CALL = {"id": "call_x", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls -l"}'}}

AGENT = """
import glob, json, sys
sys.path[:0] = glob.glob('/box/agent/*.whl')
import openai

client = openai.OpenAI()
told = {'version': openai.__version__, 'models': [model.id for model in client.models.list()]}
messages = [{'role': 'user', 'content': 'hello there'}]
schema = {'type': 'object', 'properties': {'command': {'type': 'string'}}}
chat_tool = {'type': 'function', 'function': {'name': 'bash', 'parameters': schema}}
tool = {'type': 'function', 'name': 'bash', 'parameters': schema, 'strict': False}

chat = client.chat.completions.create
told['chat'] = chat(model='solve', messages=messages).choices[0].message.content
call = chat(model='solve', messages=messages, tools=[chat_tool]).choices[0].message.tool_calls[0].function
told['chat call'] = [call.name, call.arguments]
chunks = [chunk for chunk in chat(model='solve', messages=messages, stream=True) if chunk.choices]
told['chat stream'] = ''.join(chunk.choices[0].delta.content or '' for chunk in chunks)
chunks = list(chat(model='solve', messages=messages, tools=[chat_tool], stream=True))
pieces = [call for chunk in chunks if chunk.choices for call in chunk.choices[0].delta.tool_calls or []]
told['chat call stream'] = [pieces[0].function.name, ''.join(piece.function.arguments for piece in pieces)]

respond = client.responses.create
told['responses'] = respond(model='solve', input='hello there').output_text
item = respond(model='solve', input='go', tools=[tool]).output[0]
told['responses call'] = [item.name, item.arguments]
events = list(respond(model='solve', input='hello there', stream=True))
told['responses stream'] = ''.join(e.delta for e in events if e.type == 'response.output_text.delta')
last = list(respond(model='solve', input='go', tools=[tool], stream=True))[-1]
told['responses call stream'] = [last.type, last.response.output[0].arguments]
try:
    respond(model='solve', input='go', tools=[{'type': 'web_search'}])
except openai.BadRequestError as error:
    told['refused'] = [error.status_code, error.code]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def containers(engine: object) -> Iterator[Sandbox]:
    sandbox = open_sandbox("docker", at_least=Level.DOCKER)
    yield sandbox
    sandbox.close()


def old_client(folder: Path) -> Mapping[str, bytes]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), *OLD], check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("version", ["2", "3"])
def test_the_stock_client_works_unchanged(containers: Sandbox, tmp_path: Path, version: str) -> None:
    tree = {"agent.py": AGENT.encode(), **(old_client(tmp_path) if version == "2" else {})}
    with FakeUpstream(key="sk-1") as upstream:
        settings = NodeSettings(
            level=Level.DOCKER,
            limits=LIMITS,
            upstream=OpenAI(base_url=upstream.base_url, models={"solve": "gpt-5-mini"}, api="both"),
            slots=1,
        )
        plain: dict[str, Any] = {"do": "answer", "text": "good day to you"}
        upstream.script(*[plain, {"do": "answer", "tool_calls": [CALL]}] * 4)
        doors = NodeDoors(settings, {"OPENAI_API_KEY": "sk-1"})
        try:
            door = doors.open(RolloutSpec(id="r", decision=1, role="solve", sample=bytes(16)))
            with containers.open(a_spec(door=door, areas={"agent": tree})) as box:
                env = {"OPENAI_BASE_URL": box.base_url or "", "OPENAI_API_KEY": "dummy"}
                result = box.exec(["python3", "agent.py"], env=env, area="agent")
            record = doors.close("r")
        finally:
            doors.stop()
        counts = upstream.counts()
    assert result.exit_code == 0, result
    told = json.loads(result.stdout)
    assert told.pop("version").split(".")[0] == version
    call = ["bash", '{"command": "ls -l"}']
    assert told == {
        "models": ["solve"],
        "chat": "good day to you",
        "chat call": call,
        "chat stream": "good day to you",
        "chat call stream": call,
        "responses": "good day to you",
        "responses call": call,
        "responses stream": "good day to you",
        "responses call stream": ["response.completed", call[1]],
        "refused": [400, "not_allowed_here"],
    }
    assert (counts["answered"], counts["streams"]) == (8, 4) == (len(record.calls), 4)
    assert record.usage.input_tokens == counts["input_tokens"]
    assert (record.usage.output_tokens, record.refused, record.fault) == (counts["output_tokens"], 1, None)
