"""The script of the smoke gate speaks to agents of every build, and says the same to each."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dgm.gates import smoke
from dgm.jobs import NodeServices
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.jobs.rollout import Rollout, RolloutRequest, roll_out
from dgm.llm import Allowance
from sandbox import Files, open_sandbox
from tests.dgm.jobs.agents import Denying, agent, serving

SAMPLE = bytes(range(16))
ROOT = Path(__file__).parents[3]
SEED = ROOT / "dgm" / "seed"


def tool(name: str, properties: Mapping[str, object], *required: str) -> dict[str, object]:
    schema = {"type": "object", "properties": properties, "required": list(required or properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TEXT = {"type": "string"}
TOOLS = {
    "shell": [tool("shell", {"command": TEXT})],
    "bash with a reason": [tool("bash", {"thought": TEXT, "cmd": TEXT, "timeout": {"type": "integer"}})],
    "words": [tool("exec", {"command": {"type": "array", "items": TEXT}})],
    "python": [tool("python", {"code": TEXT})],
    "files only": [tool("read_file", {"path": TEXT}), tool("write_file", {"path": TEXT, "content": TEXT})],
    "writing only": [tool("save", {"filename": TEXT, "text": TEXT})],
    "edits first": [
        tool("edit", {"path": TEXT, "old": TEXT, "new": TEXT}),
        tool("insert", {"path": TEXT, "line": {"type": "integer"}, "text": TEXT}),
        tool("write", {"path": TEXT, "text": TEXT}),
    ],
    "editor": [
        tool(
            "editor",
            {"command": {"type": "string", "enum": ["view", "create"]}, "path": TEXT, "file_text": TEXT},
            "command",
            "path",
        )
    ],
    "none": [],
}


def run(name: str, arguments: Mapping[str, object], here: Path) -> str:
    """What an agent of that build would do with a call."""
    target = here / str(arguments.get("path") or arguments.get("filename") or ".")
    if name in ("shell", "bash", "exec"):
        line = arguments.get("command") or arguments.get("cmd")
        command = line if isinstance(line, list) else ["bash", "-c", str(line)]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout
    if name == "python":
        command = [sys.executable, "-c", str(arguments["code"])]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout
    if name in ("write_file", "save", "write") or arguments.get("command") == "create":
        text = arguments.get("content") or arguments.get("text") or arguments.get("file_text")
        target.write_text(str(text))
        return "written"
    return target.read_text()


@pytest.mark.parametrize("tools", TOOLS.values(), ids=TOOLS)
def test_it_speaks_through_any_tools(tools: list[dict[str, object]], tmp_path: Path) -> None:
    (tmp_path / smoke.FILE).write_bytes(smoke.STUB)
    messages: list[Mapping[str, object]] = [
        {"role": "system", "content": "You code."},
        {"role": "user", "content": smoke.INSTRUCTION},
    ]
    for n in range(6):
        said = smoke.reply({"messages": messages, "tools": tools}, SAMPLE, n)
        messages.append(said)
        if said.get("tool_calls"):
            [call] = said["tool_calls"]  # type: ignore[misc]
            function = call["function"]
            schema = next(t["function"] for t in tools if t["function"]["name"] == function["name"])  # type: ignore[index]
            arguments = json.loads(function["arguments"])
            assert set(schema["parameters"]["required"]) <= set(arguments)  # type: ignore[index]
            output = run(function["name"], arguments, tmp_path)
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})
        elif "```bash\n" in str(said["content"]):
            block = str(said["content"]).split("```bash\n")[1].removesuffix("\n```")
            messages.append({"role": "user", "content": run("shell", {"command": block}, tmp_path)})
        else:
            break
    assert messages[-1]["content"] == "Done."
    assert smoke.passed({smoke.FILE: (tmp_path / smoke.FILE).read_bytes()}, SAMPLE)
    if len(tools) < 2 and "editor" not in str(tools) and "save" not in str(tools):
        assert len(messages) == 7  # six, and the farewell


def test_it_does_not_mind_calls_of_the_childs_own() -> None:
    """A plan without tools first, and a history that forgets."""
    plan = smoke.reply({"messages": [{"role": "user", "content": "Plan."}]}, SAMPLE, 0)
    assert plan["content"]
    again = smoke.reply({"messages": [{"role": "user", "content": "Plan."}]}, SAMPLE, 1)
    opening = [{"role": "user", "content": f"{plan['content']} {again['content']}"}]
    write = smoke.reply({"messages": opening, "tools": TOOLS["shell"]}, SAMPLE, 2)
    assert "cat >" in json.dumps(write)
    assert (
        smoke.reply({"messages": [*opening, write], "tools": TOOLS["shell"]}, SAMPLE, 3)["content"] == "Done."
    )


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"messages": "x", "tools": "y"},
        {
            "messages": [1, {"role": "assistant"}],
            "tools": [1, {}, {"function": 3}, {"function": {"name": 1}}],
        },
        {"tools": [{"function": {"name": "f", "parameters": 3}}]},
        {"tools": [{"function": {"name": "f", "parameters": {"properties": 3, "required": 4}}}]},
        {"tools": [tool("f", {"command": 3})]},
        {"tools": [tool("f", {"path": {"enum": []}, "content": TEXT, "x": {"enum": [[1]]}})]},
        {
            "tools": [
                {"function": {"name": "f", "parameters": {"required": [[], 1], "properties": {"cmd": {}}}}}
            ]
        },
    ],
)
def test_no_request_breaks_it(request_: dict[str, object]) -> None:
    for n in range(3):
        json.dumps(smoke.reply(request_, SAMPLE, n))


def test_the_answer_is_a_secret_of_the_rollout() -> None:
    assert smoke.answer(SAMPLE) != smoke.answer(bytes(16))
    assert not smoke.passed({smoke.FILE: smoke.answer(bytes(16)).encode()}, SAMPLE)
    assert not smoke.passed(dict(smoke.WORKSPACE), SAMPLE)
    assert not smoke.passed({}, SAMPLE)
    assert not smoke.passed(None, SAMPLE)
    namespace: dict[str, object] = {}
    exec(compile(ast.parse(smoke.answer(SAMPLE)), "answer", "exec"), namespace)
    signal = namespace["smoke_signal"]
    assert isinstance(signal, Callable)  # type: ignore[arg-type]
    assert signal(3) == "~~~"  # type: ignore[operator]
    word = smoke.answer(SAMPLE).split()[-1]
    assert word not in smoke.INSTRUCTION
    assert word.encode() not in smoke.STUB


def test_it_knows_nothing_of_the_katas() -> None:
    names = {
        path.name for path in (ROOT / "dgm/benchmarks/katas/exercises/python/exercises/practice").iterdir()
    }
    source = Path(smoke.__file__).read_text()
    assert len(names) >= 48
    assert not [name for name in names if name in source or name.replace("-", "_") in source]
    code = "import sys, dgm.gates.smoke\nprint([m for m in sys.modules if 'rehearsal' in m or 'katas' in m])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture(scope="module")
def node() -> Iterator[NodeServices]:
    sandbox = open_sandbox("process")
    with serving(sandbox, Denying()) as services:  # the upstream itself must never be asked
        yield services
    sandbox.close()


def smoked(tree: Files, node: NodeServices) -> Rollout:
    request = RolloutRequest(
        id="5" * 32,
        decision=1,
        attempt=1,
        kind="smoke",
        role="solve",
        command=parse_manifest(tree[MANIFEST]).solve,
        tree=tree,
        workspace=smoke.WORKSPACE,
        instruction=smoke.INSTRUCTION,
        seconds=30.0,
        sample=SAMPLE,
        allowance=Allowance(calls=20),
        scripted=True,
    )
    return roll_out(request, node)


STREAMS = """
from openai import OpenAI
schema = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
tools = [{"type": "function", "function": {"name": "run", "parameters": schema}}]
messages = [{"role": "user", "content": instruction}]
for turn in range(5):
    name, arguments, said = "", "", ""
    with OpenAI().chat.completions.create(model="solve", messages=messages, tools=tools, stream=True) as stream:
        for chunk in stream:
            for choice in chunk.choices:
                said += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    name += call.function.name or ""
                    arguments += call.function.arguments or ""
    if not name:
        print(said)
        break
    os.chdir(work)
    output = os.popen(json.loads(arguments)["command"]).read()
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
    messages.append({"role": "assistant", "tool_calls": [call]})
    messages.append({"role": "tool", "tool_call_id": "c", "content": output})
"""


def test_a_client_that_streams_passes(node: NodeServices) -> None:
    rollout = smoked(agent(STREAMS), node)
    assert rollout.fault is None
    assert smoke.passed(rollout.files, SAMPLE), rollout.result.stderr
    assert rollout.result.stdout == b"Done.\n"


def test_the_seed_passes(node: NodeServices) -> None:
    tree = {
        path.relative_to(SEED).as_posix(): path.read_bytes()
        for path in SEED.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    rollout = smoked(tree, node)
    assert smoke.passed(rollout.files, SAMPLE), rollout.result.stderr
    assert rollout.record.usage.calls == 3
