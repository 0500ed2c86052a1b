"""An `improve` may ask the models of other roles, where a run has them: metered together, told apart."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from dgm.llm import (
    Allowance,
    Gateway,
    GatewayConfigError,
    RolloutSpec,
    Spent,
    UnknownPriceError,
    UnknownRoleError,
)
from dgm.llm.backends import OpenAIBackend
from dgm.llm.recordings import paid
from dgm.llm.upstreams import OpenAI
from tests.dgm.llm.conftest import KEY, PRICES, Connect
from tests.fake_upstream import FakeUpstream

MODELS = {"solve": "fake-1", "improve": "fake-1", "diagnose": {"fake-2": 1}, "judge": "fake-3"}


@pytest.fixture
def backend(upstream: FakeUpstream) -> OpenAIBackend:
    return OpenAIBackend(models=MODELS, environ={"OPENAI_API_KEY": KEY}, base_url=upstream.base_url)


@pytest.fixture
def gateway(backend: OpenAIBackend) -> Gateway:
    prices = {"fake-2": {"input": 10.0, "output": 100.0}}
    return Gateway(
        backend, prices=type(PRICES).packaged({"fake-1": {"input": 1.0, "output": 10.0}, **prices})
    )


def improving(**more: object) -> RolloutSpec:
    fields: dict[str, object] = {"id": "r0", "decision": 7, "role": "improve", "sample": bytes(16)}
    return RolloutSpec(**{**fields, "beside": {"diagnose": None}, **more})  # type: ignore[arg-type]


def ask(client: openai.OpenAI, role: str) -> str:
    answer = client.chat.completions.create(model=role, messages=[{"role": "user", "content": "why?"}])
    return answer.model


def test_each_role_is_asked_under_its_name_and_paid_at_its_price(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path
) -> None:
    with gateway:
        client = connect(gateway.open(improving(journal=tmp_path / "j")))
        assert [model.id for model in client.models.list()] == ["improve", "diagnose"]
        assert [ask(client, role) for role in ("diagnose", "improve")] == ["diagnose", "improve"]
        with pytest.raises(openai.NotFoundError, match="the models here are 'improve', 'diagnose'"):
            ask(client, "judge")
        record = gateway.close("r0")
        again = connect(gateway.open(improving(id="r1", journal=tmp_path / "j")))
        ask(again, "diagnose"), ask(again, "improve")
        second = gateway.close("r1")
    assert [(call.role, call.model) for call in record.calls] == [
        ("diagnose", "fake-2"),
        ("improve", "fake-1"),
    ]
    dear, cheap = (call.cost_microusd for call in record.calls)
    assert dear == 10 * cheap > 0
    assert [(call.role, call.journal, call.cost_microusd) for call in second.calls] == [
        ("diagnose", True, 0),
        ("improve", True, 0),
    ]
    assert [request["body"]["model"] for request in upstream.requests()] == ["fake-2", "fake-1"]
    lost = paid(tmp_path / "j", "r0", "improve")  # what is told of them if the gateway is lost
    assert [(call.role, call.cost_microusd) for call in lost.calls] == [
        ("diagnose", dear),
        ("improve", cheap),
    ]


def test_they_share_one_allowance(gateway: Gateway, connect: Connect) -> None:
    with gateway:
        client = connect(gateway.open(improving(allowance=Allowance(calls=1))))
        ask(client, "diagnose")
        with pytest.raises(openai.PermissionDeniedError):
            ask(client, "improve")
        assert gateway.close("r0").spent is Spent.CALLS


def test_a_solve_has_no_other_role(gateway: Gateway, connect: Connect) -> None:
    with gateway:
        client = connect(gateway.open(improving(role="solve", beside={})))
        with pytest.raises(openai.NotFoundError, match="the only model here is 'solve'"):
            ask(client, "diagnose")
        gateway.close("r0")


def test_a_model_that_was_drawn_is_asked(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    with gateway:
        ask(connect(gateway.open(improving(beside={"diagnose": "fake-1"}))), "diagnose")
        gateway.close("r0")
    assert [request["body"]["model"] for request in upstream.requests()] == ["fake-1"]


def test_a_role_that_cannot_be_paid_or_is_not_there_does_not_open(gateway: Gateway) -> None:
    with gateway:
        with pytest.raises(UnknownPriceError, match=r"llm\.price\.fake-3\.input"):
            gateway.open(improving(beside={"judge": None}, allowance=Allowance(microusd=10**6)))
        with pytest.raises(UnknownRoleError, match=r"llm\.models\.critic"):
            gateway.open(improving(beside={"critic": None}))


def test_a_role_that_nobody_plays_is_refused() -> None:
    assert OpenAI(base_url="http://127.0.0.1:9/v1", models=MODELS).beside() == ("diagnose", "judge")
    with pytest.raises(
        GatewayConfigError, match=r"llm\.models\.critic: no job asks for that role, only for solve, improve"
    ):
        OpenAI(base_url="http://127.0.0.1:9/v1", models={**MODELS, "critic": "fake-1"})
