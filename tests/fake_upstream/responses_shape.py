"""The responses API, as the fake provider speaks it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.fake_upstream.errors import failure

Json = dict[str, Any]

PATH = "/v1/responses"
NAMED_EVENTS = True
END = b""
FIGURES = ("input_tokens", "output_tokens")
FIELDS = {
    "include", "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls",
    "reasoning", "service_tier", "store", "stream", "temperature", "text", "tool_choice", "tools",
    "top_logprobs", "top_p", "truncation",
}  # fmt: skip


def said(body: Json) -> list[Any]:
    given = body["input"]
    items = given if isinstance(given, list) else [given]
    return [body.get("instructions"), *items]


def last(body: Json) -> str:
    given = body["input"]
    if isinstance(given, str):
        return given
    content = given[-1].get("content") or given[-1].get("output") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def complaint(body: Json) -> web.Response | None:
    if body.get("store") is not False:
        return failure(400, "this account keeps nothing", None, param="store")
    for item in body["input"] if isinstance(body["input"], list) else []:
        if str(item.get("id", "")).startswith("rs_") and not item.get("encrypted_content"):
            told = f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false."
            return failure(404, told, None, param="input")
    return None


def answer(body: Json, message: Json, finish: str, counted: int, output: int, number: int) -> Json:
    items: list[Json] = [
        {
            "type": "function_call",
            "id": f"fc_{number}_{index}",
            "call_id": call["id"],
            "name": call["function"]["name"],
            "arguments": call["function"]["arguments"],
            "status": "completed",
        }
        for index, call in enumerate(message.get("tool_calls") or [])
    ]
    if message["content"] is not None:
        part = {"type": "output_text", "text": message["content"], "annotations": [], "logprobs": []}
        told = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed"}
        items.insert(0, told | {"content": [part]})
    cut = finish == "length"
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_780_000_000,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body["model"] + "-2026-01-01",
        "output": items,
        "parallel_tool_calls": True,
        "store": False,
        "temperature": 1.0,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "top_p": 1.0,
        "usage": {
            "input_tokens": counted,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": counted + output,
        },
    }


def chunks(answer: Json, body: Json, piece: int) -> list[Json]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    told: list[Json] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(answer["output"]):
        told += _item(index, item, piece)
    told.append({"type": f"response.{answer['status']}", "response": answer})
    return [{**event, "sequence_number": number} for number, event in enumerate(told)]


def _item(index: int, item: Json, piece: int) -> list[Json]:
    at = {"output_index": index, "item_id": item["id"]}
    if item["type"] == "function_call":
        kind, field, text, more = "response.function_call_arguments", "arguments", item["arguments"], {}
        begun = {**item, "arguments": "", "status": "in_progress"}
        done = {"arguments": text, "name": item["name"]}
    else:
        kind, field, text = "response.output_text", "text", item["content"][0]["text"]
        more = {"content_index": 0, "logprobs": []}
        begun = {**item, "content": [], "status": "in_progress"}
        done = {"text": text}
    part = item["content"][0] if item["type"] == "message" else None
    around: list[Json] = [{"type": "response.output_item.added", "output_index": index, "item": begun}]
    if part:
        around.append(
            {"type": "response.content_part.added", **at, "content_index": 0, "part": {**part, field: ""}}
        )
    around += [
        {"type": f"{kind}.delta", **at, **more, "delta": text[i : i + piece]}
        for i in range(0, len(text), piece)
    ]
    around.append({"type": f"{kind}.done", **at, **more, **done})
    if part:
        around.append({"type": "response.content_part.done", **at, "content_index": 0, "part": part})
    return [*around, {"type": "response.output_item.done", "output_index": index, "item": item}]
