from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import openai
import pytest

from dgm.llm import Allowance, Gateway, PriceTable, Retries, RolloutSpec
from dgm.llm.backends import OpenAIBackend
from sandbox import relay
from tests.fake_upstream import FakeUpstream

KEY = "sk-marked-0123456789abcdef"
PRICES = PriceTable.packaged({"fake-1": {"input": 1.0, "cached": 0.1, "output": 10.0}})


class Connect(Protocol):
    def __call__(self, directory: Path, *, max_retries: int = 0) -> openai.OpenAI: ...


@pytest.fixture(scope="session")
def upstream_process() -> Iterator[FakeUpstream]:
    with FakeUpstream(key=KEY) as upstream:
        yield upstream


@pytest.fixture
def upstream(upstream_process: FakeUpstream) -> FakeUpstream:
    upstream_process.reset()
    return upstream_process


@pytest.fixture
def patience_s(request: pytest.FixtureRequest) -> float:
    """How long the backend waits for an answer: short in files that test silence, and else no matter of speed."""
    return float(getattr(request.module, "PATIENCE_S", 60.0))


@pytest.fixture
def backend(upstream: FakeUpstream, patience_s: float) -> OpenAIBackend:
    return OpenAIBackend(
        models={"solve": "fake-1", "improve": "fake-2", "smart": "reasoning-1", "lost": "missing-1"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
        api="both",
        timeout_s=patience_s,
        stall_s=patience_s * 0.75,
    )


class Naps:
    """A sleep that only notes how long it would have been."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def gateway(backend: OpenAIBackend, naps: Naps) -> Iterator[Gateway]:
    with Gateway(backend, prices=PRICES, retries=Retries(tries=3), sleep=naps) as gateway:
        yield gateway


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A stock client for the door in a directory, through the relay; it never asks again by itself."""
    with ExitStack() as stack:

        def client(directory: Path, *, max_retries: int = 0) -> openai.OpenAI:
            listener = relay.listen(0)
            stack.callback(listener.close)
            serve = threading.Thread(
                target=relay.serve, args=(listener, str(directory / "gateway.sock")), daemon=True
            )
            serve.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            made = openai.OpenAI(base_url=url, api_key="dummy", max_retries=max_retries, timeout=60)
            return stack.enter_context(made)

        yield client


def spec(
    name: str = "r0",
    *,
    role: str = "solve",
    allowance: Allowance | None = None,
    journal: Path | None = None,
    decision: int = 7,
) -> RolloutSpec:
    return RolloutSpec(
        id=name,
        decision=decision,
        role=role,
        sample=bytes(16),
        allowance=allowance or Allowance(),
        journal=journal,
    )
