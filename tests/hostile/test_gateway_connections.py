"""Programs that want all of the gateway: its connections, its memory, its time. Real containers, HTTP to a provider."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dgm.llm import Gateway
from sandbox.docker.backend import DockerSandbox
from tests.fake_upstream import FakeUpstream
from tests.hostile.gateways import (
    CONNECTIONS,
    Neighbour,
    assert_metered_as_forwarded,
    meanwhile,
    texts,
    visit,
)
from tests.hostile.helpers import comes_true, peak

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]


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
