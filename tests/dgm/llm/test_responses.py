"""The responses API through the door: the stock client, the relay, a provider over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from dgm.llm import Allowance, Gateway, Spent, transcript
from dgm.llm.apis import RESPONSES, asked
from dgm.llm.backends import OpenAIBackend, Recorded, ReplayBackend
from tests.dgm.llm.conftest import KEY, PRICES, Connect, spec
from tests.fake_upstream import FakeUpstream

PATIENCE_S = 2.0
TOOL: Any = {
    "type": "function",
    "name": "bash",
    "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
    "strict": False,
}
CALL = {"id": "call_x", "type": "function", "function": {"name": "bash", "arguments": '{"command": "ls -l"}'}}
FIGURES = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


def fails(code: str, message: str = "no") -> dict[str, Any]:
    return {"do": "fail", "code": code, "message": message}


def test_an_answer_comes_through_and_is_recorded(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script({"do": "answer", "text": "good day", "usage": FIGURES})
    client = connect(gateway.open(spec()))

    answer = client.responses.create(
        model="solve", input="hello", instructions="be kind", user="me", max_output_tokens=50
    )

    assert (answer.output_text, answer.model, answer.status) == ("good day", "solve", "completed")
    [request] = upstream.requests()
    assert request["path"] == "/v1/responses"
    wanted = {"model": "fake-1", "input": "hello", "instructions": "be kind", "max_output_tokens": 50}
    assert request["body"] == {**wanted, "store": False}
    record = gateway.close("r0")
    [call] = record.calls
    tokens = call.tokens
    assert (tokens.input, tokens.cached, tokens.output, tokens.reasoning) == (100, 40, 20, 5)
    assert call.cost_microusd == 60 * 1 + 40 * 0.1 + 20 * 10
    assert (call.model, call.status, call.estimated, record.refused) == ("fake-1", 200, False, 0)
    assert transcript(record.exchanges) == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "good day"},
    ]


def test_a_conversation_with_tools_comes_through(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    upstream.script({"do": "answer", "tool_calls": [CALL]}, {"do": "answer", "text": "two files"})
    client = connect(gateway.open(spec()))
    said: list[Any] = [{"role": "user", "content": "what is here?"}]
    answer = client.responses.create(model="solve", input=said, tools=[TOOL], tool_choice="auto")
    [call] = answer.output
    assert call.type == "function_call"
    assert (call.name, call.call_id) == ("bash", "call_x")
    said += answer.output
    said.append({"type": "function_call_output", "call_id": call.call_id, "output": "a b"})
    answer = client.responses.create(model="solve", input=said, tools=[TOOL])
    assert answer.output_text == "two files"
    record = gateway.close("r0")
    assert [message["role"] for message in transcript(record.exchanges)] == [
        "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert record.usage.input_tokens == upstream.counts()["input_tokens"]


def test_a_stream_comes_through(gateway: Gateway, upstream: FakeUpstream, connect: Connect) -> None:
    upstream.script(
        {"do": "answer", "text": "one two three"},
        {"do": "answer", "tool_calls": [CALL, CALL | {"id": "call_y"}]},
    )
    client = connect(gateway.open(spec()))
    events = list(client.responses.create(model="solve", input="go", stream=True))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == "one two three"
    last = events[-1]
    assert last.type == "response.completed"
    assert (last.response.output_text, last.response.model) == (text, "solve")
    with client.responses.stream(model="solve", input="go", tools=[TOOL]) as stream:
        output = stream.get_final_response().output
    assert [item.type for item in output] == ["function_call"] * 2

    record = gateway.close("r0")
    told = [json.loads(exchange.response) for exchange in record.exchanges]
    assert told[0]["output"][0]["content"][0]["text"] == text
    assert not any(call.estimated for call in record.calls)
    counts = upstream.counts()
    assert (counts["streams"], record.usage.output_tokens) == (2, counts["output_tokens"])


REFUSED: list[dict[str, Any]] = [
    *({"tools": [{"type": kind}]} for kind in (
        "web_search", "web_search_preview", "code_interpreter", "file_search", "computer_use_preview",
        "image_generation", "mcp", "local_shell", "shell",
    )),
    *({"input": [{"type": kind, "id": "x", "call_id": "c", "output": "x"}]} for kind in (
        "item_reference", "web_search_call", "file_search_call", "computer_call_output", "mcp_call", "compaction",
    )),
    {"tools": [{"type": "function"}]},
    {"tools": [{"type": "function", "name": "f", "parameters": 3}]},
    {"tools": "bash"},
    {"tool_choice": {"type": "web_search_preview"}},
    {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}},
    {"include": ["web_search_call.results"]},
    {"store": True}, {"background": True}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"},
    {"prompt": {"id": "pmpt_1"}}, {"context_management": []}, {"max_tool_calls": 3}, {"service_tier": "priority"},
    {"messages": []}, {"max_tokens": 5}, {"max_output_tokens": 0}, {"made_up": 1}, {"instructions": ["x"]},
    {"input": []}, {"input": 3}, {"input": ["hello"]}, {"input": [{"content": "no role"}]},
    {"input": [{"role": "user", "content": 5}]},
    {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://e.org/x"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://e.org/x"}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
    *({"input": [{"role": "user", "content": [{"type": "input_text", "text": "x", key: "x"}]}]} for key in (
        "file_id", "file_url", "image_url", "cache_control",
    )),
    {"input": [{"role": "user", "content": "x", "attachments": [{"file_id": "file-1"}]}]},
    {"input": [{"type": []}]}, {"input": [{"type": {}, "role": "user", "content": "x"}]},
    {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
    {"input": [{"type": "function_call_output", "call_id": 3, "output": "x"}]},
    {"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_id": "f"}]}]},
]  # fmt: skip


def test_what_makes_the_provider_act_is_refused(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    client = connect(gateway.open(spec()))
    for extra in REFUSED:
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model="solve", input="hello", extra_body=extra)
        assert caught.value.param, extra
    assert upstream.counts()["requests"] == 0
    record = gateway.close("r0")
    assert (record.refused, record.calls, record.fault) == (len(REFUSED), (), None)


def test_inline_images_and_encrypted_reasoning_pass(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    client = connect(gateway.open(spec(allowance=Allowance(tokens=50_000))))
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 60_000, "detail": "auto"}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"}
    said: Any = [thought, {"role": "user", "content": [{"type": "input_text", "text": "look"}, image]}]
    answer = client.responses.create(model="solve", input=said, include=["reasoning.encrypted_content"])
    assert answer.output_text == "look"
    del thought["encrypted_content"]  # then the provider would have to have kept it
    with pytest.raises(openai.NotFoundError, match="not found"):
        client.responses.create(model="solve", input=said)
    record = gateway.close("r0")
    assert (record.fault, [call.status for call in record.calls]) == (None, [200, 404])


@pytest.mark.parametrize(
    ("steps", "stream", "requests", "status", "estimated", "void"),
    [
        ([{"do": "status", "status": 429, "headers": {"retry-after": "7"}}], False, 2, 200, False, False),
        ([{"do": "status", "status": 429, "headers": {"retry-after": "7"}}], True, 2, 200, False, False),
        ([{"do": "status", "status": 500}], False, 2, 200, False, False),
        ([{"do": "status", "status": 500}] * 3, True, 3, None, None, True),
        ([{"do": "stall"}], False, 2, 200, True, False),
        ([{"do": "malformed"}], False, 2, 200, True, False),
        ([fails("server_error")], False, 2, 200, True, False),
        ([fails("server_error")] * 3, False, 3, 502, True, True),
        ([fails("server_error")], True, 1, 502, True, True),
        ([fails("invalid_prompt")], False, 1, 400, True, False),
        ([fails("invalid_prompt")], True, 1, 400, True, False),
        ([{"do": "answer", "usage": None}], False, 1, 200, True, False),
        ([{"do": "answer", "usage": {"input_tokens": -4, "output_tokens": 1}}], True, 1, 200, True, False),
    ],
)
def test_a_failing_provider_is_never_the_agents_fault(
    gateway: Gateway,
    upstream: FakeUpstream,
    connect: Connect,
    steps: list[dict[str, Any]],
    stream: bool,
    requests: int,
    status: int | None,
    estimated: bool | None,
    void: bool,
) -> None:
    upstream.script(*steps)
    client = connect(gateway.open(spec()))
    seen = None
    try:
        told = client.responses.create(model="solve", input="hello", stream=stream)
        if stream:
            list(told)
    except openai.APIError as error:
        seen = error
    record = gateway.close("r0")
    assert (seen is None) == (status == 200)
    assert upstream.counts()["requests"] == requests
    assert (record.fault is not None) is void
    assert [(call.status, call.estimated) for call in record.calls] == (
        [(status, estimated)] if status else []
    )


@pytest.mark.parametrize("after", [0, 4])
def test_a_cut_stream_is_charged_at_its_maximum(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, after: int
) -> None:
    upstream.script({"do": "cut", "after": after, "text": "one two three four"})
    client = connect(gateway.open(spec()))
    if after:
        with pytest.raises(openai.APIConnectionError):
            list(client.responses.create(model="solve", input="hello", stream=True))
    else:
        assert list(client.responses.create(model="solve", input="hello", stream=True))
    record = gateway.close("r0")
    assert (record.fault is not None) == (after > 0)
    [call] = record.calls
    assert call.estimated
    assert call.cost_microusd > 16_384 * 10


def test_the_limit_is_lowered_to_what_is_left(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    client = connect(gateway.open(spec(allowance=Allowance(tokens=1000))))
    client.responses.create(model="solve", input="hello", max_output_tokens=10**9)
    [request] = upstream.requests()
    assert 16 <= request["body"]["max_output_tokens"] < 1000
    client.responses.create(model="solve", input="x" * 300)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.responses.create(model="solve", input="x" * 2000)
    assert caught.value.code == "allowance_spent"
    assert gateway.close("r0").spent is Spent.TOKENS


def test_a_model_that_does_not_speak_it_says_so(upstream: FakeUpstream, connect: Connect) -> None:
    plain = OpenAIBackend(
        models={"solve": "fake-1"}, environ={"OPENAI_API_KEY": KEY}, base_url=upstream.base_url
    )
    with Gateway(plain, prices=PRICES) as gateway:
        client = connect(gateway.open(spec()))
        with pytest.raises(openai.NotFoundError, match="use /v1/chat/completions") as caught:
            client.responses.create(model="solve", input="hello")
        assert caught.value.code == "unsupported_api"
        record = gateway.close("r0")
    assert (record.fault, [call.status for call in record.calls]) == (None, [404])
    assert upstream.counts()["requests"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_was_answered_is_not_bought_again(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect, tmp_path: Path, stream: bool
) -> None:
    upstream.script({"do": "answer", "tool_calls": [CALL]})

    def ask(client: openai.OpenAI) -> Any:
        if not stream:
            return client.responses.create(model="solve", input="hello").output
        with client.responses.stream(model="solve", input="hello") as told:
            return told.get_final_response().output

    bought = ask(connect(gateway.open(spec(journal=tmp_path / "j"))))
    exchanges = gateway.close("r0").exchanges
    again = ask(connect(gateway.open(spec("r1", journal=tmp_path / "j"))))
    assert gateway.close("r1").calls[0].journal
    recorded = {(7, e.n): Recorded(request=e.request, response=e.response) for e in exchanges}
    replayed = ask(connect(gateway.open(spec("r2"), backend=ReplayBackend(recorded))))
    assert gateway.close("r2").fault is None
    for output in (again, replayed):
        assert [item.to_dict() for item in output] == [item.to_dict() for item in bought]
    assert upstream.counts()["requests"] == 1


def test_requests_that_ask_the_same_have_one_digest() -> None:
    def request(name: str, **more: Any) -> dict[str, Any]:
        call = {"type": "function_call", "id": f"fc_{name}", "call_id": name, "name": "f", "arguments": ""}
        output = {"type": "function_call_output", "call_id": name, "output": "ok"}
        return {"model": "solve", "input": [call, output], **more}

    def digest(body: dict[str, Any]) -> str:
        return RESPONSES.parse(json.dumps(body).encode(), "solve").digest

    same = digest(request("a"))
    assert digest(request("b", user="me", temperature=None)) == same
    assert digest(request("a", temperature=0)) != same
    assert digest({"model": "solve", "input": "hi"}) != same
    assert asked(request("a", max_output_tokens=5)) == asked(request("b", store=False))
