"""The process behind `FakeUpstream`. It prints its port and serves until its standard input closes.

Steps of a script, each taken by one request:

    {"do": "answer", "text": ..., "tool_calls": [...], "usage": {...} or null, "delay_s": 0,
     "piece": 5, "pause_s": 0}      a stream's characters in a chunk, and the pause between chunks
    {"do": "stall"}                 take the request and never answer
    {"do": "stall", "after": 3}     fall silent after three chunks of a stream
    {"do": "cut", "after": 3}       drop the connection: after three chunks, or amid a whole answer
    {"do": "hang_up"}               drop the connection without a byte
    {"do": "status", "status": 429, "headers": {"retry-after": "1"}, "error": {...}}
    {"do": "malformed"}             200 and something that is not JSON
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from typing import Any

from aiohttp import web

FIELDS = {
    "frequency_penalty", "functions", "function_call", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "messages", "model", "n", "parallel_tool_calls", "presence_penalty", "reasoning_effort",
    "response_format", "seed", "stop", "stream", "stream_options", "temperature", "tool_choice", "tools",
    "top_logprobs", "top_p", "verbosity",
}  # fmt: skip

Json = dict[str, Any]


class Provider:
    def __init__(self, key: str | None, rehearsal: bool) -> None:
        self.key = key
        self.rehearsal = rehearsal
        self.reset()

    def reset(self) -> None:
        self.steps: list[Json] = []
        self.seen: list[Json] = []
        self.in_flight = 0
        self.counts = dict.fromkeys(
            ["requests", "answered", "streams", "input_tokens", "output_tokens", "most_in_flight"], 0
        )

    async def control(self, request: web.Request) -> web.Response:
        match request.match_info["what"]:
            case "script":
                self.steps.extend(await request.json())
            case "counts":
                return web.json_response(self.counts)
            case "requests":
                return web.json_response(self.seen)
            case "reset":
                self.reset()
        return web.json_response({})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.counts["requests"] += 1
        self.in_flight += 1
        self.counts["most_in_flight"] = max(self.counts["most_in_flight"], self.in_flight)
        try:
            return await self._chat(request)
        finally:
            self.in_flight -= 1

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append({"headers": dict(request.headers), "body": body})
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return failure(
                401, f"Incorrect API key provided: {request.headers.get('Authorization')}", "invalid_api_key"
            )
        if problem := complaint(body):
            return problem
        step: Json = self.steps.pop(0) if self.steps else {"do": "answer"}
        what: str = step["do"]
        match what:
            case "status":
                error = step.get("error") or {
                    "message": "scripted",
                    "type": "scripted",
                    "param": None,
                    "code": None,
                }
                return web.json_response({"error": error}, status=step["status"], headers=step.get("headers"))
            case "malformed":
                return web.Response(text='{"id": "chatcmpl-1", "choices": [', content_type="application/json")
            case "hang_up":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "stall" if "after" not in step:
                await asyncio.sleep(3600)
        await asyncio.sleep(step.get("delay_s", 0))
        answer = self.answer(body, step)
        if body.get("stream"):
            return await self.stream(request, body, answer, step)
        if step["do"] == "cut":
            return await cut_body(request, json.dumps(answer).encode())
        self._bill(answer)
        return web.json_response(answer)

    def answer(self, body: Json, step: Json) -> Json:
        message: Json
        if "text" in step or "tool_calls" in step or not self.rehearsal:
            last = body["messages"][-1].get("content")
            text = step.get("text", last if isinstance(last, str) else "")
            message = {"role": "assistant", "content": text, "refusal": None}
            finish = "stop"
            if step.get("tool_calls"):
                message |= {"content": None, "tool_calls": step["tool_calls"]}
                finish = "tool_calls"
        else:
            from dgm.llm.backends.rehearsal import reply

            sample = hashlib.sha256(json.dumps(body["messages"][:2]).encode()).digest()[:16]
            said = reply(body, sample)
            message, finish = dict(said.message), said.finish_reason
        limit: int = body.get("max_completion_tokens") or body.get("max_tokens") or 1 << 30
        output = (len(message["content"] or "") + len(json.dumps(message.get("tool_calls") or "")) + 3) // 4
        if output > limit and message.get("content"):
            message, finish, output = message | {"content": message["content"][: limit * 4]}, "length", limit
        counted = (len(json.dumps(body["messages"])) + len(json.dumps(body.get("tools", [])))) // 4
        usage = {
            "prompt_tokens": counted,
            "completion_tokens": output,
            "total_tokens": counted + output,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }
        return {
            "id": f"chatcmpl-{self.counts['requests']}",
            "object": "chat.completion",
            "created": 1_780_000_000,
            "model": body["model"] + "-2026-01-01",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": step.get("usage", usage),
            "service_tier": "default",
            "system_fingerprint": "fp_fake",
        }

    async def stream(self, request: web.Request, body: Json, answer: Json, step: Json) -> web.StreamResponse:
        self.counts["streams"] += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        wants_usage = (body.get("stream_options") or {}).get("include_usage")
        for i, chunk in enumerate(chunks(answer, bool(wants_usage), step.get("piece", 5))):
            if i == step.get("after"):
                if step["do"] == "stall":
                    await asyncio.sleep(3600)
                assert request.transport is not None
                request.transport.abort()
                return response
            # cut in two, in the middle of a line: a reader must not depend on where the bytes are cut
            data = b"data: " + json.dumps(chunk).encode() + b"\n\n"
            await response.write(data[:20])
            await response.write(data[20:])
            await asyncio.sleep(step.get("pause_s", 0))
        await response.write(b"data: [DONE]\n\n")
        self._bill(answer)
        return response

    def _bill(self, answer: Json) -> None:
        self.counts["answered"] += 1
        usage = answer["usage"] or {}
        for mine, theirs in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")):
            figure = usage.get(theirs)
            self.counts[mine] += figure if isinstance(figure, int) else 0


def chunks(answer: Json, wants_usage: bool, piece: int) -> list[Json]:
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


def complaint(body: Json) -> web.Response | None:
    """What the real provider would turn down."""
    for field in body:
        if field not in FIELDS:
            return failure(400, f"Unrecognized request argument supplied: {field}", None)
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        return failure(400, "'messages' must be a list with at least one message", None, param="messages")
    if "max_tokens" in body and str(body.get("model")).startswith("reasoning"):
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        return failure(400, message, "unsupported_parameter", param="max_tokens")
    if str(body.get("model")).startswith("missing"):
        return failure(404, f"The model '{body['model']}' does not exist", "model_not_found")
    return None


def failure(status: int, message: str, code: str | None, *, param: str | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return web.json_response({"error": error}, status=status)


async def cut_body(request: web.Request, data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": str(len(data))}
    )
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def serve(provider: Provider) -> None:
    app = web.Application(client_max_size=32 << 20)
    app.router.add_post("/v1/chat/completions", provider.chat)
    app.router.add_route("*", "/control/{what}", provider.control)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - how the starter learns the port
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--key")
    parser.add_argument("--rehearsal", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(serve(Provider(arguments.key, arguments.rehearsal)))
