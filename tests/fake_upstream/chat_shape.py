"""Chat completions, as the fake provider speaks them."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.fake_upstream.errors import failure

Json = dict[str, Any]

PATH = "/v1/chat/completions"
NAMED_EVENTS = False
END = b"data: [DONE]\n\n"
FIGURES = ("prompt_tokens", "completion_tokens")
FIELDS = {
    "frequency_penalty", "functions", "function_call", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "messages", "model", "n", "parallel_tool_calls", "presence_penalty", "reasoning_effort",
    "response_format", "seed", "stop", "stream", "stream_options", "temperature", "tool_choice", "tools",
    "top_logprobs", "top_p", "verbosity",
}  # fmt: skip


def said(body: Json) -> list[Json]:
    messages: list[Json] = body["messages"]
    return messages


def last(body: Json) -> str:
    text = body["messages"][-1].get("content")
    return text if isinstance(text, str) else ""


def complaint(body: Json) -> web.Response | None:
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        return failure(400, "'messages' must be a list with at least one message", None, param="messages")
    return None


def answer(body: Json, message: Json, finish: str, counted: int, output: int, number: int) -> Json:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": body["model"] + "-2026-01-01",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": counted,
            "completion_tokens": output,
            "total_tokens": counted + output,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


def chunks(answer: Json, body: Json, piece: int) -> list[Json]:
    wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    head = {key: answer[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    head["object"] = "chat.completion.chunk"
    choice = answer["choices"][0]
    message = choice["message"]
    deltas: list[Json] = [{"role": "assistant", "content": "", "refusal": None}]
    text = message["content"] or ""
    deltas += [{"content": text[i : i + piece]} for i in range(0, len(text), piece)]
    for index, call in enumerate(message.get("tool_calls") or []):
        arguments = call["function"]["arguments"]
        begun = {"index": index, **call, "function": {**call["function"], "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        for i in range(0, len(arguments), piece):
            deltas.append(
                {"tool_calls": [{"index": index, "function": {"arguments": arguments[i : i + piece]}}]}
            )
    nothing = {"usage": None} if wants_usage else {}
    told = [{**head, "choices": [{"index": 0, "delta": d, "finish_reason": None}], **nothing} for d in deltas]
    told.append(
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}], **nothing}
    )
    if wants_usage and answer["usage"] is not None:
        told.append({**head, "choices": [], "usage": answer["usage"]})
    return told
