"""Programs that go for the keys, the budget and the gateway. Real containers, a real gateway, a provider over HTTP."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import Evaluation, Expansion, Outcome
from dgm.jobs import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.services import RELAY_UID, NodeDoors, NodeSettings
from dgm.llm import Allowance, Gateway, PriceTable, Retries, RolloutRecord, RolloutSpec, Spent, unpacked
from dgm.llm.backends import OpenAIBackend
from dgm.llm.door import DoorLimits
from dgm.llm.upstreams import OpenAI
from sandbox import Level, SandboxError
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.docker.config import WORKER_UIDS
from sandbox.docker.engine import EngineError
from sandbox.testing import a_spec
from tests.dgm.commands import dgm
from tests.dgm.jobs.agents import LIMITS, agent, evaluate_job
from tests.end_to_end.real import small
from tests.fake_upstream import FakeUpstream
from tests.hostile.helpers import ANSWER, PRELUDE, attack, comes_true, facts, peak

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

KEY = "sk-hostile-0123456789abcdef"
PRICES = PriceTable.packaged({"fake-1": {"input": 1.0, "cached": 0.1, "output": 10.0}})
CONNECTIONS = 64

CLIENT = """
import http.client, re
from concurrent.futures import ThreadPoolExecutor

def post(body, path='/v1/chat/completions', method='POST', timeout=120, **headers):
    client = http.client.HTTPConnection('127.0.0.1', 8080, timeout=timeout)
    try:
        client.request(method, path, body if isinstance(body, bytes) else json.dumps(body), headers)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, ''
    finally:
        client.close()

def chat(text='hello', **more):
    return {'model': 'solve', 'messages': [{'role': 'user', 'content': text}], **more}

def ask(text='hello', **more):
    return post(chat(text, **more))
"""
"""For programs: a client without the manners of the stock one."""


@dataclass
class Visit:
    """One rollout: its box, the directory of its socket, and in the end what the gateway knows of it."""

    box: DockerBox
    door: Path
    record: RolloutRecord

    def attack(self, program: str, *words: str, seconds: float = 120.0) -> Any:
        return attack(self.box, CLIENT + program, *words, seconds=seconds)


@contextmanager
def visit(
    gateway: Gateway,
    docker: DockerSandbox,
    name: str = "r",
    *,
    relay_only: bool = True,
    tokens: int | None = None,
    journal: Path | None = None,
) -> Iterator[Visit]:
    """A rollout while it is open. Without `relay_only` the agent may use the socket too, past the relay."""
    allowance = Allowance(tokens=tokens)
    spec = RolloutSpec(
        id=name, decision=7, role="solve", sample=bytes(16), allowance=allowance, journal=journal
    )
    owner = RELAY_UID if relay_only and os.geteuid() == 0 else None
    door = gateway.open(spec, socket_owner=owner)
    visit = None
    try:
        with docker.open(a_spec(door=door)) as box:
            if not relay_only:
                (door / "gateway.sock").chmod(0o666)
            visit = Visit(box, door, RolloutRecord(id=name))
            yield visit
    finally:
        record = gateway.close(name)
        if visit is not None:
            visit.record = record


@contextmanager
def meanwhile(visit: Visit, program: str) -> Iterator[None]:
    """The program runs in its box until the block is over; then the box goes away under it."""

    def run() -> None:
        with suppress(SandboxError):
            visit.box.exec(["python3", "-c", PRELUDE + CLIENT + program], seconds=240)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        try:
            yield
        finally:
            visit.box.close()
            running.result()


@pytest.fixture(scope="module")
def provider(untouched_host: Path) -> Iterator[FakeUpstream]:
    with FakeUpstream(key=KEY) as upstream:
        yield upstream


@pytest.fixture
def upstream(provider: FakeUpstream) -> FakeUpstream:
    provider.reset()
    return provider


@pytest.fixture
def gateway(upstream: FakeUpstream) -> Iterator[Gateway]:
    with a_gateway(upstream) as gateway:
        yield gateway


def a_gateway(upstream: FakeUpstream) -> Gateway:
    backend = OpenAIBackend(
        models={"solve": "fake-1", "improve": "fake-1"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
    )
    limits = DoorLimits(body_s=4.0, idle_s=4.0, write_s=3.0, connections=CONNECTIONS)
    return Gateway(backend, prices=PRICES, retries=Retries(tries=2, first_s=0.01), limits=limits)


@pytest.fixture
def node(docker: DockerSandbox, upstream: FakeUpstream) -> Iterator[NodeServices]:
    """A node for whole jobs whose gateway holds a real key."""
    settings = NodeSettings(
        level=Level.DOCKER,
        limits=LIMITS,
        upstream=OpenAI(base_url=upstream.base_url, models={"solve": "fake-1", "improve": "fake-1"}),
        slots=2,
    )
    doors = NodeDoors(settings, {"OPENAI_API_KEY": KEY})
    try:
        yield NodeServices(docker, doors, LIMITS)
    finally:
        doors.stop()


def texts(upstream: FakeUpstream) -> list[str]:
    """What the provider was asked, the last message of each request, in the order of arrival."""
    return [request["body"]["messages"][-1]["content"] for request in upstream.requests()]


def assert_metered_as_forwarded(upstream: FakeUpstream, *records: RolloutRecord) -> None:
    """Every request at the provider is a recorded call with the same words and figures, and the other way round."""
    calls = [call for record in records for call in record.calls if call.status == 200]
    asked = [
        json.loads(exchange.request)["messages"][-1]["content"]
        for record in records
        for exchange in record.exchanges
        if exchange.status == 200
    ]
    counts = upstream.counts()
    assert Counter(asked) == Counter(texts(upstream))
    assert counts["answered"] == len(calls)
    assert counts["input_tokens"] == sum(call.tokens.input for call in calls)
    assert counts["output_tokens"] == sum(call.tokens.output for call in calls)
    assert [record.fault for record in records] == [None] * len(records)


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


class Neighbour:
    """Another rollout on the same gateway, in a container of its own, that only wants its answers."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.asked = 0

    def is_served(self, calls: int = 10) -> bool:
        self.asked += calls
        said = self.visit.attack(f"say([ask(f'neighbour {{n}}')[0] for n in range({calls})])")
        return bool(said == [200] * calls)


@pytest.fixture
def neighbour(gateway: Gateway, docker: DockerSandbox) -> Iterator[Neighbour]:
    with visit(gateway, docker, "neighbour") as visiting:
        yield Neighbour(visiting)


def descriptors() -> int:
    """Open files of this process, the gateway's: each connection is one."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def memory() -> int:
    """Bytes that this process, the gateway's, has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def is_answered(door: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        try:
            client.connect(str(door / "gateway.sock"))
            client.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def test_37_thousands_of_connections(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream, neighbour: Neighbour
) -> None:
    flood = """
for _ in range(3):
    os.fork()
held = []
while True:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(5)
    try:
        client.connect('/door/gateway.sock')
        client.sendall(b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 9\\r\\n\\r\\nxx')
    except OSError:
        client.close()
        continue
    held.append(client)
    if len(held) > 900:
        held.clear()
"""
    with visit(gateway, docker, relay_only=False) as attacker:
        before = descriptors()
        with peak(descriptors, 0.01) as seen, meanwhile(attacker, flood):
            assert comes_true(lambda: seen[0] - before >= CONNECTIONS, 60)
            assert all(neighbour.is_served() for _ in range(3))
        assert seen[0] - before <= 8 * CONNECTIONS  # those served, and what is on its way to being told no
        assert comes_true(lambda: is_answered(attacker.door), 60)
    assert attacker.record.fault is None
    assert texts(upstream).count("neighbour 0") == 3


def test_37_slow_heads_and_half_bodies(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream
) -> None:
    slow = """
def linger(start, drip):
    with socket.create_connection(('127.0.0.1', 8080), timeout=100) as client:
        client.sendall(start)
        answer = b''
        client.settimeout(1)
        while True:
            try:
                more = client.recv(1 << 16)
            except TimeoutError:
                if tried(client.sendall, drip) != 'done':
                    return 'reset'
                continue
            except OSError:
                return 'reset'
            if not more:
                return int(answer.split()[1]) if answer else 'closed'
            answer += more

length = b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 1000\\r\\n\\r\\n'
chunked = b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'
kinds = {'silent': (b'', b''), 'line': (b'POST /v1', b'x'), 'head': (b'GET / HTTP/1.1\\r\\nX-A: ', b'y'),
         'body': (length + b'{', b' '), 'chunk': (chunked + b'3e8\\r\\n{', b' '), 'size': (chunked + b'0', b'0')}
with ThreadPoolExecutor(60) as pool:
    ended = {kind: [pool.submit(linger, *what) for _ in range(4)] for kind, what in kinds.items()}
    ended = {kind: sorted({str(one.result()) for one in ones}) for kind, ones in ended.items()}
say({'ended': ended, 'then': ask('after all that')[0]})
"""
    with visit(gateway, docker) as attacker:
        said = attacker.attack(slow)
    ended = said["ended"]
    assert all(set(ended[kind]) <= {"closed", "reset", "400"} for kind in ("silent", "line", "head")), said
    assert ended["body"] == ended["chunk"] == ["400"], said
    assert ended["size"] == ["400"], said
    assert said["then"] == 200
    assert texts(upstream) == ["after all that"]
    assert_metered_as_forwarded(upstream, attacker.record)


def test_37_bodies_without_end(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream, neighbour: Neighbour
) -> None:
    endless = """
def pour(head, unit, most=10 << 20):
    with socket.create_connection(('127.0.0.1', 8080), timeout=5) as client:
        block, sent, answer = unit * (65536 // len(unit)), 0, b''
        with contextlib.suppress(OSError):
            client.sendall(head)
            while sent < most:
                client.sendall(block)
                sent += len(block)
        with contextlib.suppress(OSError):
            while more := client.recv(1 << 16):
                answer += more
        return sent, (answer.split()[1].decode() if answer else 'closed')

start = b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\n'
chunked, get = start + b'Transfer-Encoding: chunked\\r\\n\\r\\n', b'GET /v1/models HTTP/1.1\\r\\nHost: x\\r\\n'
kinds = {
    'declared': (start + b'Content-Length: 99999999999999\\r\\n\\r\\n', b'x'),
    'chunks': (chunked, b'1000\\r\\n' + b'x' * 4096 + b'\\r\\n'), 'crumbs': (chunked, b'1;a=b\\r\\nx\\r\\n'),
    'extension': (chunked + b'5;', b'e'), 'trailers': (chunked + b'0\\r\\n', b'X-Trailer: ' + b't' * 40 + b'\\r\\n'),
    'headers': (start, b'X-Header: ' + b'h' * 40 + b'\\r\\n'), 'one header': (start + b'X: ', b'h'),
    'folded': (start + b'X: a\\r\\n', b' folded\\r\\n'), 'line': (b'GET /', b'l'),
    'upgraded': (get + b'Connection: upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n', b'w'),
    'tunnel': (b'CONNECT 169.254.169.254:80 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n', b't'),
    'pipelined': (b'', get + b'\\r\\n', 1 << 19), 'elsewhere': (b'PUT /x HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 99999999999\\r\\n\\r\\n', b'x'),
}
with ThreadPoolExecutor(20) as pool:
    poured = {kind: pool.submit(pour, *what) for kind, what in kinds.items()}
    poured = {kind: one.result() for kind, one in poured.items()}
say({'poured': poured, 'then': ask('after all that')[0]})
"""  # noqa: E501
    before = memory()
    with visit(gateway, docker) as attacker:
        with peak(memory) as seen, ThreadPoolExecutor(1) as pool:
            running = pool.submit(attacker.attack, endless)
            served = [neighbour.is_served()]
            while not running.done() and len(served) < 10:
                served.append(neighbour.is_served(3))
            said = running.result()
        assert seen[0] - before < 200 << 20
    assert all(served)
    poured = {kind: status for kind, (_, status) in said["poured"].items()}
    sent = {kind: size for kind, (size, _) in said["poured"].items()}
    assert sum(sent.values()) > 16 << 20, sent
    assert {poured["declared"], poured["chunks"]} <= {"413", "400"}, poured  # too large, or first too slow
    assert set(poured.values()) <= {"200", "400", "404", "413", "closed"}, poured
    assert {kind for kind, status in poured.items() if status == "200"} <= {"upgraded", "pipelined"}, poured
    assert said["then"] == 200
    assert [text for text in texts(upstream) if not text.startswith("neighbour")] == ["after all that"]


SMUGGLE = """
def request(text, *headers, line=b'POST /v1/chat/completions HTTP/1.1', body=None, length=True):
    body = json.dumps(chat(text)).encode() if body is None else body
    lines = [line, b'Host: x', *headers] + ([b'Content-Length: %d' % len(body)] if length else [])
    return b'\\r\\n'.join(lines) + b'\\r\\n\\r\\n' + body

def chunks(data, *, size=b'%x', end=b'0\\r\\n\\r\\n'):
    return size % len(data) + b'\\r\\n' + data + b'\\r\\n' + end

def length(text):
    return len(json.dumps(chat(text)).encode())

TE = b'Transfer-Encoding: chunked'
LAST = b'GET /v1/models HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'

def ways(name):
    good, bad = f'open {name}', f'smuggled {name}'
    second, words = request(bad), json.dumps(chat(good)).encode()
    n = len(words)
    whole = lambda *headers: request(good, *headers, length=False)
    te = lambda *headers, data=None: request(good, *headers, body=chunks(words) if data is None else data, length=False)
    return {
        'length and chunks': te(TE, b'Content-Length: %d' % (n + 400)) + second,
        'chunks and length': te(b'Content-Length: 4', TE) + second,
        'empty chunks, long body': te(TE, b'Content-Length: %d' % (5 + len(second)), data=b'0\\r\\n\\r\\n' + second),
        'space before the colon': te(b'Transfer-Encoding : chunked', b'Content-Length: %d' % len(chunks(words))) + second,
        'unknown coding': te(b'Transfer-Encoding: xchunked', b'Content-Length: 5') + second,
        'two codings': te(b'Transfer-Encoding: chunked, identity') + second,
        'coding twice': te(TE, TE) + second,
        'coding folded': te(b'Transfer-Encoding:\\r\\n chunked') + second,
        'lengths that differ': whole(b'Content-Length: %d' % n, b'Content-Length: 3') + second,
        'lengths that differ, short first': whole(b'Content-Length: 3', b'Content-Length: %d' % n) + second,
        'lengths alike': whole(b'Content-Length: %d' % n, b'Content-Length: %d' % n) + second,
        'a list of lengths': whole(b'Content-Length: %d, %d' % (n, n)) + second,
        'a signed length': whole(b'Content-Length: +%d' % n) + second,
        'a negative length': whole(b'Content-Length: -1') + second,
        'a hexadecimal length': whole(b'Content-Length: 0x%x' % n) + second,
        'a length with a gap': whole(b'Content-Length: %d %d' % (n, n)) + second,
        'a length past all': whole(b'Content-Length: %d' % 10**30) + second,
        'a folded length': whole(b'X: a\\r\\n Content-Length: %d' % n) + second,
        'a length behind a bare return': whole(b'X: a\\rContent-Length: %d' % n) + second,
        'a zero byte': whole(b'X: a\\0b', b'Content-Length: %d' % n) + second,
        'bare newlines': (b'POST /v1/chat/completions HTTP/1.1\\nHost: x\\nContent-Length: %d\\n\\n' % n) + words + second,
        'a chunk with an extension': te(TE, data=chunks(words, size=b'%x;a="b";c')) + second,
        'an extension with a newline': te(TE, data=chunks(words, size=b'%x;a\\n')) + second,
        'a chunk size past all': te(TE, data=b'f' * 17 + b'\\r\\n' + words) + second,
        'a negative chunk': te(TE, data=b'-5\\r\\n' + words) + second,
        'a chunk with a prefix': te(TE, data=chunks(words, size=b'0x%x')) + second,
        'a chunk without an end': te(TE, data=b'%x\\r\\n' % n + words + b'0\\r\\n\\r\\n') + second,
        'a chunk cut short': te(TE, data=b'%x\\r\\n' % (n + 2) + words + b'\\r\\n0\\r\\n\\r\\n') + second,
        'a chunk of newlines': te(TE, data=b'%x\\n' % n + words + b'\\n0\\n\\n') + second,
        'trailers with a length': te(TE, data=chunks(words, end=b'0\\r\\nContent-Length: 999\\r\\n' + TE + b'\\r\\n\\r\\n')) + second,
        'pipelined': request(good) + second,
        'a body on GET': request(good, line=b'GET /v1/models HTTP/1.1', body=second) + request(good),
        'a body elsewhere': request(good, line=b'DELETE /v1/x HTTP/1.1', body=second) + request(good),
        'an expectation': request(good, b'Expect: 100-continue') + second,
        'another host': request(good, line=b'POST http://169.254.169.254/v1/chat/completions HTTP/1.1') + second,
        'an old version': request(good, b'Connection: keep-alive', line=b'POST /v1/chat/completions HTTP/1.0') + second,
        'chunks in an old version': te(TE, b'Connection: keep-alive').replace(b'1.1', b'1.0', 1) + second,
        'a new version': b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + second,
        'no version': b'POST /v1/chat/completions\\r\\n' + words + second,
        'upgraded': request(good, b'Connection: upgrade', b'Upgrade: h2c') + second,
        'another method inside': request(good, b'X-HTTP-Method-Override: GET', b'X-Forwarded-For: 1', b'Authorization: Bearer x') + second,
    }

def send(data):
    with socket.create_connection(('127.0.0.1', 8080), timeout=100) as client:
        answer = b''
        with contextlib.suppress(OSError):
            client.sendall(data + LAST)
        with contextlib.suppress(OSError):
            while more := client.recv(1 << 16):
                answer += more
    return answer.decode('utf-8', 'replace')

with ThreadPoolExecutor(30) as pool:
    heard = {name: pool.submit(send, ways(name)[name]) for name in ways('')}
    heard = {name: one.result() for name, one in heard.items()}
say({name: {'statuses': [int(s) for s in re.findall(r'HTTP/1\\.[01] (\\d+)', text)],
            'open': text.count(f'"content":"open {name}"'), 'smuggled': text.count(f'"content":"smuggled {name}"')} for name, text in heard.items()})
"""  # noqa: E501
"""Each way of hiding a second request in a first one, on a connection of its own; the provider repeats what it hears."""  # noqa: E501

PLAIN = {
    "a chunk with an extension", "an expectation", "another method inside", "pipelined", "trailers with a length",
    "upgraded", "another host", "an old version", "chunks in an old version",
}  # fmt: skip
"""Two requests, one behind the other, in an unusual but unmistakable form."""
INSIDE = {"a body on GET", "a body elsewhere"}
"""The second request is the body of the first, which nobody asked for; an honest one follows."""


def test_37_requests_hidden_in_others(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream
) -> None:
    with visit(gateway, docker) as attacker:
        said: Mapping[str, Any] = attacker.attack(SMUGGLE)
    asked = Counter(texts(upstream))
    for name, heard in said.items():
        bought = (asked[f"open {name}"], asked[f"smuggled {name}"])
        assert bought == (heard["open"], heard["smuggled"]), (
            name,
            heard,
        )  # what was paid is what was answered
        if name in INSIDE:
            assert bought == (1, 0), (name, heard)
        elif name not in PLAIN:
            assert heard["smuggled"] == 0, (name, heard)
            assert 200 not in heard["statuses"][-1:], (name, heard)
    assert len(said) == 41
    assert said["pipelined"] == {"statuses": [200, 200, 200], "open": 1, "smuggled": 1}
    assert_metered_as_forwarded(upstream, attacker.record)


def test_37_answers_that_nobody_reads(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream, neighbour: Neighbour, tmp_path: Path
) -> None:
    """Each is paid for once and on record, and nobody else waits for the reader."""
    deaf = """
asks, words = [], json.dumps(chat('w' * 30_000, stream=True)).encode()
for _ in range(2):
    client = socket.create_connection(('127.0.0.1', 8080))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    client.sendall(b'POST /v1/chat/completions HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(words) + words)
    asks.append(client)
time.sleep(3600)
"""  # noqa: E501
    upstream.script(*[{"do": "answer", "piece": 2}] * 2)
    journal = tmp_path / "journal"
    with visit(gateway, docker, journal=journal) as attacker, meanwhile(attacker, deaf):
        assert comes_true(lambda: journal.read_bytes().count(b"\n") == 2, 90)
        assert neighbour.is_served()
    record = attacker.record
    assert [call.tokens.output for call in record.calls] == [7_501] * 2
    assert len(record.exchanges) == 2
    assert record.fault is None


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


def test_large_bodies_in_vain_do_not_keep_others_waiting(
    gateway: Gateway, docker: DockerSandbox, upstream: FakeUpstream, neighbour: Neighbour
) -> None:
    """Refused requests cost nothing, so nothing but the turns that rollouts take bounds how many are looked at."""
    costly = """
body = json.dumps({**chat('x'), 'model': 'none', 'stop': [[0.5, 'y'] for _ in range(90_000)]}).encode()
with ThreadPoolExecutor(16) as pool:
    while True:
        list(pool.map(lambda _: post(body), range(64)))
"""
    with visit(gateway, docker) as attacker, meanwhile(attacker, costly):
        assert comes_true(lambda: is_answered(attacker.door), 30)
        assert all(neighbour.is_served() for _ in range(3))
    assert attacker.record.refused > 0
    assert attacker.record.calls == ()
    assert {text.split()[0] for text in texts(upstream)} == {"neighbour"}


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
paths = ['/v1/responses', '/v1/embeddings', '/v1/files', '/v1/batches', '/v1/fine_tuning/jobs', '/v1/../admin',
         '/v1/chat/completions/', '//v1/chat/completions', '/V1/chat/completions', 'http://127.0.0.1:1/v1/x', '/v1/chat/completions%00']
say({'wishes': [[*wish, post({**chat('go'), **wish})[0]] for wish in wishes],
     'paths': [[path, post(chat('go'), path)[0]] for path in paths],
     'methods': [[method, post(chat('go'), method=method)[0]] for method in ('GET', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS')]})
"""  # noqa: E501
    with visit(gateway, docker) as attacker:
        said = attacker.attack(acting)
    assert [wish for wish in said["wishes"] if wish[-1] != 400] == []
    assert [path for path in said["paths"] if path[1] != 404] == []
    assert [method for method in said["methods"] if method[1] not in (400, 404)] == []
    assert len(said["wishes"]) == 31
    assert upstream.counts()["requests"] == 0
    assert attacker.record.calls == ()
