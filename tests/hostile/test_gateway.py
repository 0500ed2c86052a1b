"""Programs that go for the keys, the budget and the gateway. Real containers, a real gateway, a provider over HTTP."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import archive
from archive import Evaluation, Expansion, Outcome
from dgm.jobs import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.services import RELAY_UID
from dgm.llm import Allowance, Gateway, RolloutSpec, Spent, unpacked
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.docker.config import WORKER_UIDS
from sandbox.docker.engine import EngineError
from sandbox.testing import a_spec
from tests.dgm.commands import dgm
from tests.dgm.jobs.agents import agent, evaluate_job
from tests.end_to_end.real import small
from tests.fake_upstream import FakeUpstream
from tests.hostile.gateways import (
    CLIENT,
    KEY,
    a_gateway,
    assert_metered_as_forwarded,
    texts,
    visit,
)
from tests.hostile.helpers import ANSWER, PRELUDE, attack, comes_true, facts

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


def test_34_the_socket_past_the_relay(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream
) -> None:
    direct = """
path = '/door/gateway.sock'
head = b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: '

def connect(path, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.connect(path)

def call():
    body = json.dumps(chat('direct')).encode()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(head + str(len(body)).encode() + b'\\r\\n\\r\\n' + body)
        answer = b''
        while more := client.recv(1 << 16):
            answer += more
    return int(answer.split()[1])

others = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) != os.getpid()]
relays = [pid for pid in others if b'relay.py' in open(f'/proc/{pid}/cmdline', 'rb').read()]
say({
    'there': os.path.exists(path), 'uid': os.getuid(), 'relays': len(relays),
    'stream': tried(connect, path), 'datagram': tried(connect, path, socket.SOCK_DGRAM),
    'open': tried(os.open, path, os.O_RDWR), 'mode': tried(os.chmod, path, 0o666),
    'link': tried(os.link, path, '/box/workspace/mine'), 'rename': tried(os.rename, path, '/door/old'),
    'elsewhere': [tried(connect, f'/proc/{pid}/root{path}') for pid in relays],
    'relayed': ask('relayed')[0],
    'answered': call() if tried(connect, path) == 'done' else None,
})
"""
    with visit(gateway, docker, "relayed") as closed:
        said = closed.attack(direct)
        assert (said["there"], said["uid"] in WORKER_UIDS, said["relays"] > 0) == (True, True, True)
        if os.geteuid() == 0:
            assert (said["stream"], said["open"], said["answered"]) == ("EACCES", "EACCES", None)
            assert said["datagram"] in ("EACCES", "EPROTOTYPE")
        assert said["mode"] in ("EPERM", "EROFS")
        assert said["link"] in ("EPERM", "EXDEV", "EACCES")
        assert said["rename"] in ("EROFS", "EACCES")
        assert all(way in ("EACCES", "EPERM") for way in said["elsewhere"])
        assert said["relayed"] == 200
    with visit(gateway, docker, "open to all", relay_only=False) as opened:
        said = opened.attack(direct)
        assert (said["stream"], said["answered"], said["relayed"]) == ("done", 200, 200)
    assert Counter(texts(upstream))["direct"] == (1 if os.geteuid() == 0 else 2)
    assert_metered_as_forwarded(upstream, closed.record, opened.record)


def test_36_wishes_beyond_measure(gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream) -> None:
    """Unknown models, absurd limits, a thousand answers at once, the smallest possible chunks."""
    greedy = """
wishes = {
    'model': dict(model='gpt-5-pro'), 'no model': dict(model=None), 'a list': dict(model=['solve']),
    'n': dict(n=1000), 'best_of': dict(best_of=9), 'negative': dict(max_tokens=-5),
    'zero': dict(max_completion_tokens=0), 'float': dict(max_tokens=1e9), 'text': dict(max_tokens='9'),
    'tier': dict(service_tier='priority'), 'prediction': dict(prediction={}), 'modalities': dict(modalities=['audio']),
}
refused = {name: ask(name, **wish)[0] for name, wish in wishes.items()}
huge = [ask('huge', max_tokens=10**9)[0], ask('huge', max_tokens=10**40, max_completion_tokens=10**12)[0]]
status, stream = ask('x' * 3000, stream=True, stream_options={'include_usage': True})
spent = []
while not spent or spent[-1] == 200:
    spent.append(ask('y' * 2000)[0])
say({'refused': refused, 'huge': huge, 'stream': [status, stream.count('data: '), stream.endswith('data: [DONE]\\n\\n')],
     'spent': spent, 'then': [ask('z')[0] for _ in range(5)]})
"""  # noqa: E501
    allowance = 30_000
    upstream.script({"do": "answer"}, {"do": "answer"}, {"do": "answer", "piece": 1})
    with visit(gateway, docker, tokens=allowance) as greedy_one:
        said = greedy_one.attack(greedy)
    assert all(status in (400, 404) for status in said["refused"].values()), said
    assert (said["refused"]["model"], said["refused"]["n"]) == (404, 400)
    assert said["huge"] == [200, 200]
    assert said["stream"][0] == 200
    assert said["stream"][1] > 3000
    assert said["stream"][2]
    assert said["spent"][-1] == 403
    assert len(said["spent"]) > 2
    sent = [request["body"] for request in upstream.requests()]
    assert all("n" not in body and body["max_tokens"] <= 16_384 for body in sent)
    assert {body["model"] for body in sent} == {"fake-1"}
    record = greedy_one.record
    assert_metered_as_forwarded(upstream, record)
    assert 0 < record.usage.input_tokens + record.usage.output_tokens <= allowance
    assert record.spent is Spent.TOKENS
    assert record.refused >= len(said["refused"])


def test_38_asking_on_when_the_budget_is_spent(node: NodeServices, upstream: FakeUpstream) -> None:
    insist = f"""
import urllib.error
answers = set()
for n in range(2):
    ask('paid')
for n in range(300):
    try:
        ask('not paid', **([{{}}, {{'stream': True}}, {{'max_tokens': 1}}][n % 3]))
    except urllib.error.HTTPError as error:
        answers.add((error.code, error.headers['x-should-retry'], error.read().decode()))
say(sorted(answers))
{ANSWER}
"""
    result = evaluate(evaluate_job(agent(PRELUDE + insist), allowance=Allowance(calls=2)), node)
    [said] = facts(result.log)
    [[status, retry, body]] = said
    assert (status, retry, json.loads(body)["error"]["code"]) == (403, "false", "allowance_spent")
    assert texts(upstream) == ["paid", "paid"]
    assert result.record is not None
    assert (result.record.spent, result.record.refused, len(result.record.calls)) == (Spent.CALLS, 300, 2)
    assert result.outcome is Outcome.RESOLVED  # it goes on without a model, and a right answer is right


def test_39_another_rollouts_identity(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream
) -> None:
    impostor = """
victim, name = sys.argv[1:]

def reach(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)

paths = [victim, victim + '/gateway.sock', '/door/../' + os.path.basename(victim) + '/gateway.sock', '\\0' + victim,
         *(f'/proc/{pid}/root{victim}/gateway.sock' for pid in os.listdir('/proc') if pid.isdigit() and pid != str(os.getpid()))]
names = {'Authorization': 'Bearer ' + name, 'X-Rollout': name, 'X-Dgm-Rollout': name, 'OpenAI-Organization': name,
         'Host': name, 'Cookie': 'rollout=' + name, 'Forwarded': 'for=' + name, 'X-Request-Id': name}
say({
    'door': tried(os.listdir, '/door'), 'reached': sorted({tried(reach, path) for path in paths}),
    'planted': [tried(os.symlink, victim, '/door/b'), tried(os.mkdir, '/door/b'), tried(os.unlink, '/door/gateway.sock')],
    'headers': post(chat('posing by header'), **names)[0],
    'fields': [post({**chat('posing by field'), key: name})[0] for key in ('user', 'rollout', 'safety_identifier')],
    'path': [post(chat('posing by path'), path)[0] for path in ('/' + name + '/v1/chat/completions', '/v1/chat/completions?rollout=' + name)],
})
"""  # noqa: E501
    with visit(gateway, docker, "victim") as victim, visit(gateway, docker, "impostor") as impostor_:
        said = impostor_.attack(impostor, str(victim.door), "victim")
        assert said["door"] == "EACCES"
        assert set(said["reached"]) <= {"ENOENT", "ECONNREFUSED", "EACCES", "EPERM"}
        assert set(said["planted"]) <= {"EROFS", "EACCES", "EPERM"}
        assert (said["headers"], said["fields"], said["path"]) == (200, [200, 400, 200], [404, 200])
        assert victim.attack("say([ask('my own')[0]])") == [200]
    assert [call.status for call in victim.record.calls] == [200]
    assert victim.record.refused == 0
    assert len(impostor_.record.calls) == 4
    assert all("victim" not in json.dumps(request) for request in upstream.requests())
    assert_metered_as_forwarded(upstream, victim.record, impostor_.record)


STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
FAKE = "2026-01-01 ERROR dgm: best 9999999999 48/48 resolved"
EVIL = f"\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202egnp.exe\u2028\x7f\n{FAKE}\n\x1b[1A"
"""Clears the screen, names the window, turns the direction, adds a line that looks like ours and goes back over it."""


def test_40_escapes_and_made_up_log_lines(
    docker: DockerSandbox, upstream: FakeUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A whole search with an agent that writes them wherever it may, and a provider that repeats them."""
    hostile = agent(
        solve=f"said = ask({EVIL!r})['content']\nprint(said)\nprint({EVIL!r}, file=sys.stderr)\n"
        "for name in os.listdir(work):\n"
        "    if name.endswith('.py'): work.joinpath(name).write_text('# ' + said.replace(chr(10), ' '))\n",
        improve=f"said = ask({EVIL!r})['content']\nprint(said)\n"
        "work.joinpath('solve.py').open('a').write('# ' + said.replace(chr(10), chr(10) + '# '))\n",
    )
    folder = tmp_path / "agent"
    folder.mkdir()
    for name, content in hostile.items():
        (folder / name).write_bytes(content)
    broken = {"do": "status", "status": 500, "error": {"message": EVIL, "type": EVIL, "code": EVIL}}
    upstream.script(broken, *[{"do": "answer", "text": EVIL}] * 40)
    values = {
        "llm": "openai", "llm.base_url": upstream.base_url, "sandbox": "docker", "agent": folder, "workers.slots": 1,
        "gate.smoke": "false", "gate.check": "false", "budget.evaluations": 2, "budget.expansions": 1,
    }  # fmt: skip
    with caplog.at_level(logging.DEBUG), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        said = dgm("run", *small(tmp_path, **values))
    assert said.status == 0, said.err
    shown = {"run": said.out + said.err}
    logged = [
        record.getMessage() for record in caplog.records if record.name.split(".")[0] in ("dgm", "sandbox")
    ]
    assert any(FAKE in line for line in logged)  # the provider's words
    assert not any(STEERING.search(line) or "\n" in line for line in logged)

    run = tmp_path / "runs" / "a"
    with archive.open(run) as reader:
        rows = [row for entry in reader.entries() for row in entry.rows]
        results = [row for row in rows if isinstance(row, Evaluation | Expansion)]
        logs = [reader.blobs.get(row.log) for row in results if row.log]
        exchanges = [
            e for row in results if row.transcript for e in unpacked(reader.blobs.get(row.transcript))
        ]
    assert EVIL.encode() in logs[0]  # verbatim
    assert all(json.loads(one.response)["choices"][0]["message"]["content"] == EVIL for one in exchanges)
    [child] = [row.child for row in rows if isinstance(row, Expansion)]
    assert child is not None
    pages = [("tree",), ("best",), ("tasks",), ("diff", child[:12]), *(("show", row.id) for row in results)]
    pages += [("show", child[:12]), ("show", "seed"), *(("show", str(row.seq)) for row in results)]
    for page in pages:
        text = dgm(page[0], str(run), *page[1:])
        assert (text.status, text.err) == (0, ""), page
        shown[" ".join(page)] = text.out
        document = dgm(page[0], str(run), *page[1:], "--json").out
        assert document.isascii()
        assert json.loads(document)
    for command in ("verify", "replay"):
        text = dgm(command, str(run))
        assert text.status == 0, text
        shown[command] = text.out + text.err
    assert [name for name, text in shown.items() if STEERING.search(text)] == []
    made_up = [
        name for name, text in shown.items() if any(line.startswith(FAKE) for line in text.splitlines())
    ]
    assert made_up == []
    assert "\\x1b[2J" in shown[f"diff {child[:12]}"]


def test_41_the_gateway_is_started_again(
    docker: DockerSandbox, upstream: FakeUpstream, untouched_host: Path, tmp_path: Path
) -> None:
    """The door's directory stays, so the relay finds the new socket; what was answered is never bought again."""
    program = """
seen = []
for n in range(3):
    while (status := ask(f'question {n}')[0]) != 200:
        seen.append(status)
        if status == 502:
            open('/box/workspace/away', 'w').close()
        time.sleep(0.05)
    print('answered', n, flush=True)
    open(f'/box/workspace/{n}', 'w').close()
    while n == 0 and post(b'', '/v1/models', 'GET')[0] == 200:
        time.sleep(0.02)
say(sorted(set(seen)))
"""
    spec = RolloutSpec(
        id="first", decision=7, role="solve", sample=bytes(16), journal=tmp_path / "journal.jsonl"
    )
    door = untouched_host / "door"
    door.mkdir()
    try:
        with (
            a_gateway(upstream) as first,
            docker.open(a_spec(door=_linked(first, spec, door))) as box,
            ThreadPoolExecutor(1) as pool,
        ):
            running = pool.submit(attack, box, CLIENT + program)
            assert comes_true(lambda: upstream.counts()["answered"] == 1, 60)
            before = first.close("first")
            (door / "gateway.sock").unlink()
            first.stop()
            assert comes_true(lambda: _is_in(docker, box, "/box/workspace/away"), 60)
            assert not running.done()
            with a_gateway(upstream) as second:
                _linked(second, spec, door)
                seen = running.result()
                after = second.close("first")
    finally:
        (door / "gateway.sock").unlink(missing_ok=True)
        door.rmdir()
    assert set(seen) <= {502, "ConnectionResetError", "RemoteDisconnected"}
    assert 502 in seen
    assert texts(upstream) == ["question 0", "question 1", "question 2"]
    assert [call.status for call in before.calls] == [200]
    assert [call.status for call in after.calls if not call.journal] == [200, 200]


def _is_in(docker: DockerSandbox, box: DockerBox, path: str) -> bool:
    """Whether the file is there, asked beside the command that runs."""
    try:
        with docker.engine.get(box.container, path):
            return True
    except EngineError:
        return False


def _linked(gateway: Gateway, spec: RolloutSpec, door: Path) -> Path:
    """Open the rollout's socket also in a directory that outlives the gateway."""
    owner = RELAY_UID if os.geteuid() == 0 else None
    socket_ = gateway.open(spec, socket_owner=owner) / "gateway.sock"
    (door / "gateway.sock").hardlink_to(socket_)
    return door


def test_the_provider_is_made_to_act(gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream) -> None:
    """Searching, fetching, running code, keeping and passing on: whatever would act on the agent's behalf."""
    acting = """
def message(**fields):
    return {'messages': [{'role': 'user', 'content': 'go', **fields}]}

def part(**fields):
    return message(content=[{'type': 'text', 'text': 'go'}, fields])

address = 'http://169.254.169.254/latest/meta-data/'
wishes = [
    {'web_search_options': {}}, {'tools': [{'type': 'web_search'}]}, {'tools': [{'type': 'code_interpreter'}]},
    {'tools': [{'type': 'mcp', 'server_url': address}]}, {'tools': [{'type': 'file_search'}]}, {'mcp_servers': [{'url': address}]},
    {'tools': [{'type': 'computer_use_preview'}]}, {'tools': [{'type': 'image_generation'}]}, {'plugins': [{'id': 'web'}]},
    {'store': True}, {'background': True}, {'previous_response_id': 'resp_1'}, {'conversation': 'c'}, {'webhook': address},
    {'prompt': {'id': 'p'}}, {'file_ids': ['f']}, {'base_url': address}, {'extra_body': {}}, {'provider': {'order': ['x']}},
    {'models': ['a', 'b']}, {'route': 'fallback'}, {'transforms': []}, {'stream_options': 7, 'stream': True},
    part(type='image_url', image_url={'url': address}), part(type='image_url', image_url={'url': 'file:///etc/passwd'}),
    part(type='image_url', image_url={'url': ' data:image/png;base64,'}), part(type='image_url', image_url=address),
    part(type='file', file={'file_id': 'f'}), part(type='input_audio', input_audio={'data': ''}), part(type='video_url', video_url={'url': address}),
    message(audio={'id': 'a'}),
]
def item(**fields):
    return {'input': [fields]}

def seen(**part):
    return item(role='user', content=[part])

responses = [
    *({'tools': [{'type': kind}]} for kind in ('web_search', 'code_interpreter', 'file_search', 'computer_use_preview',
                                                'image_generation', 'mcp', 'local_shell', 'shell')),
    {'tool_choice': {'type': 'web_search_preview'}}, {'include': ['file_search_call.results']}, {'max_tool_calls': 1},
    {'store': True}, {'background': True}, {'previous_response_id': 'resp_1'}, {'conversation': 'c'}, {'prompt': {'id': 'p'}},
    {'context_management': [{'type': 'compaction'}]}, {'messages': []}, {'n': 2},
    item(type='item_reference', id='msg_1'), item(type='mcp_call', id='x'), item(type='web_search_call', id='x'),
    seen(type='input_image', image_url=address), seen(type='input_image', file_id='f'),
    seen(type='input_file', file_id='f'), seen(type='input_file', file_url=address), seen(type='input_audio', input_audio={}),
    item(type='function_call_output', call_id='c', output=[{'type': 'input_image', 'image_url': address}]),
]
paths = ['/v1/embeddings', '/v1/responses/resp_1', '/v1/conversations', '/v1/files', '/v1/batches', '/v1/fine_tuning/jobs', '/v1/../admin',
         '/v1/chat/completions/', '//v1/chat/completions', '/V1/chat/completions', 'http://127.0.0.1:1/v1/x', '/v1/chat/completions%00']
say({'wishes': [[*wish, post({**chat('go'), **wish})[0]] for wish in wishes],
     'responses': [[*wish, post({'model': 'solve', 'input': 'go', **wish}, '/v1/responses')[0]] for wish in responses],
     'paths': [[path, post(chat('go'), path)[0]] for path in paths],
     'methods': [[method, post(chat('go'), method=method)[0]] for method in ('GET', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS')]})
"""  # noqa: E501
    with visit(gateway, docker) as attacker:
        said = attacker.attack(acting)
    assert [wish for wish in said["wishes"] if wish[-1] != 400] == []
    assert [wish for wish in said["responses"] if wish[-1] != 400] == []
    assert [path for path in said["paths"] if path[1] != 404] == []
    assert [method for method in said["methods"] if method[1] not in (400, 404)] == []
    assert (len(said["wishes"]), len(said["responses"])) == (31, 28)
    assert upstream.counts()["requests"] == 0
    assert attacker.record.calls == ()
