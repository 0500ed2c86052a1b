"""What each thing that a provider may do comes to, through both APIs, whole and streamed; see docs/security.md.

The agent of these rollouts ends with status 1 as soon as anything is refused to it: a failure of the machine that did
not make the rollout void would be held against it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest

from archive import Outcome
from dgm.jobs.evaluate import judge
from dgm.jobs.rollout import Rollout
from dgm.llm import Gateway, RolloutRecord
from dgm.llm.backends import OpenAIBackend
from dgm.llm.backends.failures import failure_of
from dgm.llm.errors import RequestRejectedError, UpstreamDeniedError
from sandbox import ExecResult
from tests.dgm.jobs.agents import TASK
from tests.dgm.llm.conftest import KEY, PRICES, Connect, Naps, spec
from tests.fake_upstream import FakeUpstream

PATIENCE_S = 2.0
LENGTH = {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}
MAXIMUM = 16_384 * 10
"""Micro-dollars; what the output limit alone costs at the price of `fake-1`."""

FINE, VOID, AGENTS = None, Outcome.VOID, Outcome.CRASHED
"""How the rollout ends: goes on, is no evidence, is the agent's own."""


def status(code: int, **more: Any) -> dict[str, Any]:
    return {"do": "status", "status": code, **more}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the provider does in turn, and what comes of one call.

    `told` is the status of the call's row, None where nothing was paid and there is no row; `maxima` are the tries that
    were charged as the most that they can have cost, which flags the row as `estimated`.
    """

    steps: tuple[dict[str, Any], ...]
    ends: Outcome | None
    requests: int
    told: int | None
    maxima: int = 0
    pauses: int = 0
    streams: tuple[bool, ...] = field(default=(False, True))


CASES = {
    "answer": Case(steps=(), ends=FINE, requests=1, told=200),
    "stall": Case(steps=({"do": "stall"},), ends=FINE, requests=2, told=200, maxima=1, pauses=1),
    "cut": Case(steps=({"do": "cut"},), ends=FINE, requests=2, told=200, maxima=1, pauses=1, streams=(False,)),
    "cut in the middle of a stream": Case(
        steps=({"do": "cut", "after": 3, "text": "one two three four"},),
        ends=VOID, requests=1, told=502, maxima=1, streams=(True,),
    ),
    "silent in the middle of a stream": Case(
        steps=({"do": "stall", "after": 3, "text": "one two three four"},),
        ends=VOID, requests=1, told=502, maxima=1, streams=(True,),
    ),
    "429 with retry-after": Case(
        steps=(status(429, headers={"retry-after": "7"}),), ends=FINE, requests=2, told=200, pauses=1
    ),
    "429 without": Case(steps=(status(429),), ends=FINE, requests=2, told=200, pauses=1),
    "429 for an hour": Case(
        steps=(status(429, headers={"retry-after": "3600"}),), ends=VOID, requests=1, told=None
    ),
    "429 for good": Case(steps=(status(429),) * 3, ends=VOID, requests=3, told=None, pauses=2),
    "500": Case(steps=(status(500),), ends=FINE, requests=2, told=200, pauses=1),
    "500 for good": Case(steps=(status(500),) * 3, ends=VOID, requests=3, told=None, pauses=2),
    "401": Case(steps=(status(401),), ends=VOID, requests=1, told=None),
    "400 context length": Case(steps=(status(400, error=LENGTH),), ends=AGENTS, requests=1, told=400),
    "malformed": Case(steps=({"do": "malformed"},), ends=FINE, requests=2, told=200, maxima=1, pauses=1),
    "malformed for good": Case(
        steps=({"do": "malformed"},) * 3, ends=VOID, requests=3, told=502, maxima=3, pauses=2
    ),
    "no usage figures": Case(
        steps=({"do": "answer", "usage": None},), ends=FINE, requests=1, told=200, maxima=1
    ),
    "wrong usage figures": Case(
        steps=({"do": "answer", "usage": {"prompt_tokens": -1, "input_tokens": -1}},),
        ends=FINE, requests=1, told=200, maxima=1,
    ),
}  # fmt: skip


def ask(client: openai.OpenAI, api: str, stream: bool) -> None:
    if api == "chat":
        said: Any = client.chat.completions.create(
            model="solve", messages=[{"role": "user", "content": "hello"}], stream=stream
        )
    else:
        said = client.responses.create(model="solve", input="hello", stream=stream)
    if stream:
        list(said)


def ended(record: RolloutRecord, refused: bool) -> Outcome | None:
    """The outcome of an agent that gives up when something is refused to it, and is graded otherwise."""
    result = ExecResult(exit_code=1 if refused else 0)
    fault = None if record.fault is None else f"model: {record.fault}"
    answer = {**TASK.files, "answer.py": b"x = 1\n"}
    rollout = Rollout(result=result, files=answer, rejected=None, fault=fault, record=record, seconds=1.0)
    judged = judge(rollout, TASK)
    return None if judged is None else judged.outcome


@pytest.mark.parametrize(
    ("name", "stream"), [(name, stream) for name, case in CASES.items() for stream in case.streams]
)
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_what_a_provider_does(
    gateway: Gateway,
    upstream: FakeUpstream,
    connect: Connect,
    naps: Naps,
    api: str,
    name: str,
    stream: bool,
) -> None:
    case = CASES[name]
    upstream.script(*case.steps)
    client, refused = connect(gateway.open(spec())), False
    try:
        ask(client, api, stream)
    except openai.APIError:
        refused = True
    record = gateway.close("r0")
    counts = upstream.counts()
    assert refused is (case.ends is not FINE)
    assert ended(record, refused) is case.ends
    assert (record.fault is not None) is (case.ends is VOID)
    assert (counts["requests"], len(naps.taken)) == (case.requests, case.pauses)
    assert counts["answered"] == sum(call.status == 200 for call in record.calls)
    assert [call.status for call in record.calls] == ([] if case.told is None else [case.told])
    for call in record.calls:
        assert call.estimated is (case.maxima > 0)
        assert call.cost_microusd // MAXIMUM == case.maxima
        assert (call.cost_microusd == 0) is (case.told == 400)


def says(message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, **more}}


LOW = says("below minimum value", param="max_output_tokens", code="integer_below_min_value")
NO_KEY = says("API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT")
NO_KEY_EITHER = {"code": "invalid argument", "error": "Incorrect API key provided: sk***x."}


@pytest.mark.parametrize(
    ("code", "told", "own"),
    [
        (400, LOW, True),
        (400, says("too large", param="max_output_tokens", code="integer_above_max_value"), False),
        (404, says("No endpoints found that support image input", code=404), True),
        (404, says("No endpoints found for made/up.", code=404), False),
        (400, NO_KEY, False),
        (400, [NO_KEY], False),
        (400, NO_KEY_EITHER, False),
        (400, [says("The request is not one.", status="INVALID_ARGUMENT")], True),
        (400, says("too hot", param="temperature"), True),
        (400, says("no such thing", param="top_k"), False),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_whose_failure_an_answer_is(code: int, told: object, own: bool) -> None:
    """The agent's own only where it could have asked otherwise, and then always: nobody chooses to be void."""
    failure = failure_of(
        code, {}, json.dumps(told).encode(), url="u", set_by_us=frozenset({"top_k"}), clean=str
    )
    assert isinstance(failure, RequestRejectedError if own else UpstreamDeniedError)
    assert "no message" not in str(failure.body if isinstance(failure, RequestRejectedError) else failure)


def test_a_parameter_of_the_config_is_the_agents_own_where_it_sets_it_itself(
    upstream: FakeUpstream, connect: Connect
) -> None:
    backend = OpenAIBackend(
        models={"solve": "fake-1"},
        environ={"OPENAI_API_KEY": KEY},
        base_url=upstream.base_url,
        parameters={"temperature": 0.5},
    )
    hot = status(400, error={"message": "too hot", "type": "t", "param": "temperature", "code": None})
    messages: Any = [{"role": "user", "content": "hello"}]
    with Gateway(backend, prices=PRICES) as gateway:
        client = connect(gateway.open(spec()))
        upstream.script(hot)
        with pytest.raises(openai.BadRequestError, match="too hot"):
            client.chat.completions.create(model="solve", messages=messages, temperature=99)
        assert gateway.close("r0").fault is None
        client = connect(gateway.open(spec()))
        upstream.script(hot)
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="solve", messages=messages)
        assert gateway.close("r0").fault is not None
