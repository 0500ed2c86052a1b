"""A real gateway before a provider over HTTP, and rollouts whose agents have no manners."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgm.jobs.services import RELAY_UID
from dgm.llm import Allowance, Gateway, PriceTable, Retries, RolloutRecord, RolloutSpec
from dgm.llm.backends import OpenAIBackend
from dgm.llm.door import DoorLimits
from sandbox import SandboxError
from sandbox.docker.backend import DockerSandbox
from sandbox.docker.box import DockerBox
from sandbox.testing import a_spec
from tests.fake_upstream import FakeUpstream
from tests.hostile.helpers import PRELUDE, attack

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


def a_gateway(upstream: FakeUpstream) -> Gateway:
    backend = OpenAIBackend(
        models={"solve": "fake-1", "improve": "fake-1"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
    )
    limits = DoorLimits(body_s=4.0, idle_s=4.0, write_s=3.0, connections=CONNECTIONS)
    return Gateway(backend, prices=PRICES, retries=Retries(tries=2, first_s=0.01), limits=limits)


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


class Neighbour:
    """Another rollout on the same gateway, in a container of its own, that only wants its answers."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.asked = 0

    def is_served(self, calls: int = 10) -> bool:
        self.asked += calls
        said = self.visit.attack(f"say([ask(f'neighbour {{n}}')[0] for n in range({calls})])")
        return bool(said == [200] * calls)
