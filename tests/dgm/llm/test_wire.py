"""Requests, streams and replays as values, without a server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgm.llm import Exchange, Gateway, transcript
from dgm.llm.apis import CHAT, EventSplitter
from dgm.llm.backends import Place, Recorded, ReplayBackend
from dgm.llm.backends.failures import failed_amid
from dgm.llm.errors import (
    MalformedAnswerError,
    NotRecordedError,
    RequestRejectedError,
    UpstreamFailedError,
)
from dgm.llm.wire import Body, dump
from tests.dgm.llm.conftest import Connect, spec
from tests.fake_upstream import FakeUpstream

PLACE = Place(decision=7, rollout="r", role="solve", sample=bytes(16), n=0)


def request(tool_id: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "model": "solve",
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": tool_id, "type": "function", "function": {"name": "f", "arguments": ""}},
                    {"id": tool_id + "2", "function": {"name": "g", "arguments": ""}},
                ],
            },
            {"role": "tool", "tool_call_id": tool_id + "2", "content": "ok"},
        ],
        **more,
    }


def digest(request: dict[str, Any]) -> str:
    return CHAT.parse(json.dumps(request).encode(), "solve").digest


def test_requests_that_ask_the_same_have_one_digest() -> None:
    same = digest(request())
    assert digest(request("zzz")) == same
    assert digest(dict(reversed(request().items()))) == same
    assert digest(request(user="me", metadata={"at": "noon"}, temperature=None)) == same
    assert digest(request(temperature=0)) != same
    assert digest(request(stream=True)) != same
    swapped = request()
    swapped["messages"][2]["tool_call_id"] = "a"  # answers the other call
    assert digest(swapped) != same
    assert CHAT.canonical(request())["messages"][2]["tool_call_id"] == "call_1"  # type: ignore[index]


def test_a_request_is_not_changed_by_reading_it() -> None:
    raw = json.dumps(request(max_tokens=9, max_completion_tokens=7, stream=True, stop=["x"])).encode()
    chat = CHAT.parse(raw, "solve")
    assert (chat.raw, chat.output_limit, chat.stream, chat.wants_usage) == (raw, 7, True, False)
    assert chat.forward == {"messages": request()["messages"], "stop": ["x"]}


def test_half_a_surrogate_is_no_text() -> None:
    assert json.loads(dump({"text": "a\ud800b"})) == {"text": "a?b"}


def answer(content: str | None, calls: list[tuple[str, str]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for i, (name, arguments) in enumerate(calls)
        ]
    return {
        "id": "x",
        "created": 1,
        "model": "m",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


@given(
    st.none() | st.text(min_size=1),
    st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=12),
    st.data(),
)
def test_an_answer_survives_being_streamed(
    content: str | None, calls: list[tuple[str, str]], data: Any
) -> None:
    whole = answer(content, calls)
    sent = b"".join(CHAT.event(chunk) for chunk in CHAT.cut_up(whole))
    cut = data.draw(st.integers(0, len(sent)))
    splitter = EventSplitter()
    events = [*splitter.feed(sent[:cut]), *splitter.feed(sent[cut:])]
    received = [json.loads(text) for text in events]
    whole = json.loads(dump(whole))
    assert CHAT.assemble(received) == whole


def test_a_stream_without_ends_of_lines_is_not_kept_for_ever() -> None:
    splitter = EventSplitter(cap_bytes=100)
    assert splitter.feed(b": comment\r\ndata: {}\r\n\r\n") == [b"{}"]
    with pytest.raises(MalformedAnswerError, match="longer than 100 bytes"):
        splitter.feed(b"x" * 101)


def test_a_transcript_is_the_longest_conversation() -> None:
    def exchange(n: int, said: list[str], told: dict[str, Any]) -> Exchange:
        messages = [{"role": "user", "content": text} for text in said]
        return Exchange(n=n, request=dump({"messages": messages}), response=dump(told))

    exchanges = [
        exchange(0, ["a"], answer("first", [])),
        exchange(1, ["a", "b", "c"], answer("second", [])),
        exchange(2, ["z"], answer("aside", [])),
        exchange(3, ["a", "b", "d"], answer("third", [])),
        exchange(4, ["a"], {"error": {"message": "no"}}),
    ]
    assert [message["content"] for message in transcript(exchanges)] == ["a", "b", "d", "third"]
    assert transcript([]) == []


def replay(asked: dict[str, Any], recorded: dict[tuple[int, int], Recorded]) -> Any:
    return asyncio.run(ReplayBackend(recorded).complete(asked, PLACE))


def test_a_replay_answers_what_was_asked_and_nothing_else() -> None:
    told = answer("yes", [])
    recorded = {
        (7, 0): Recorded(request=dump(request(user="me", max_tokens=5)), response=dump(told)),
        (8, 0): Recorded(request=dump(request()), response=b'{"error": {}}', status=400),
    }
    asked = request("other", max_completion_tokens=16_384)
    del asked["model"]
    assert replay(asked, recorded) == told
    with pytest.raises(NotRecordedError, match="does not ask what the recorded run asked"):
        replay({**asked, "temperature": 1}, recorded)
    with pytest.raises(NotRecordedError, match="has no call 0 of decision 7"):
        replay(asked, {})
    with pytest.raises(RequestRejectedError):
        replay(asked, {(7, 0): recorded[8, 0]})


def test_a_recorded_rollout_plays_again_without_the_provider(
    gateway: Gateway, upstream: FakeUpstream, connect: Connect
) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    client = connect(gateway.open(spec()))
    bought = client.chat.completions.create(model="solve", messages=messages)
    streamed = list(client.chat.completions.create(model="solve", messages=messages, stream=True))
    exchanges = gateway.close("r0").exchanges

    recorded = {
        (7, e.n): Recorded(request=e.request, response=e.response, status=e.status) for e in exchanges
    }
    client = connect(gateway.open(spec(), backend=ReplayBackend(recorded)))
    assert client.chat.completions.create(model="solve", messages=messages) == bought
    again = list(client.chat.completions.create(model="solve", messages=messages, stream=True))
    texts = ["".join(c.choices[0].delta.content or "" for c in chunks) for chunks in (streamed, again)]
    assert texts[0] == texts[1] == "hello"
    record = gateway.close("r0")
    assert (record.usage.calls, record.usage.cost_microusd, record.fault) == (2, 0, None)
    assert record.usage.output_tokens > 0
    assert upstream.counts()["requests"] == 2


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["function", "arguments", "id", "index", "content"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(
    st.lists(st.fixed_dictionaries({"index": ODD, "function": ODD, "custom": ODD}), max_size=3), ODD, ODD, ODD
)
def test_a_stream_out_of_shape_is_a_malformed_answer_and_nothing_else(
    calls: list[dict[str, object]], content: object, finish: object, usage: object
) -> None:
    chunks: list[Body] = [
        {
            "choices": [{"delta": {"content": content, "tool_calls": [call]}, "finish_reason": finish}],
            "usage": usage,
        }
        for call in calls
    ]
    with contextlib.suppress(MalformedAnswerError):
        CHAT.assemble(chunks)


def test_a_stream_that_says_nothing_is_no_answer() -> None:
    told: list[list[Body]] = [
        [],
        [{}],
        [{"object": "error", "message": "out of memory", "code": 500}],
        [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}],
    ]
    for chunks in told:
        with pytest.raises(MalformedAnswerError, match="neither an answer nor why"):
            CHAT.assemble(chunks)
    empty: Body = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    assert CHAT.checked(CHAT.assemble([empty]))["choices"]


def test_only_a_reason_or_figures_end_a_stream() -> None:
    filtered: Body = {"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": None}
    said: Body = {
        "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": None}],
        "usage": {"x": 1},
    }
    assert [CHAT.is_last(chunk) for chunk in (filtered, said)] == [False, False]
    ended: Body = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    assert [CHAT.is_last(chunk) for chunk in (ended, {"choices": [], "usage": {"x": 1}})] == [True, True]


@pytest.mark.parametrize("choice", [{"error": {"code": 502, "message": "gone"}}, {"finish_reason": "error"}])
def test_a_choice_that_failed_is_a_failure_of_the_provider(choice: Body) -> None:
    failure = CHAT.failure({"choices": [{"index": 0, "message": {"content": ""}, **choice}]})
    assert failure is not None
    assert isinstance(failed_amid(failure), UpstreamFailedError)
    assert CHAT.failure({"choices": [{"index": 0, "finish_reason": "stop"}]}) is None
