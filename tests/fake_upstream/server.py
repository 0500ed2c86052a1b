"""The process behind `FakeUpstream`. It prints its port and serves until its standard input closes.

Steps of a script, each taken by one request:

    {"do": "answer", "text": ..., "tool_calls": [as in chat], "usage": {...} or null, "delay_s": 0,
     "until": 0,                    answer no sooner than so many requests have come
     "piece": 5, "pause_s": 0}      a stream's characters in a chunk, and the pause between chunks
    {"do": "stall"}                 take the request and never answer
    {"do": "stall", "after": 3}     fall silent after three chunks of a stream
    {"do": "cut", "after": 3}       drop the connection: after three chunks, or amid a whole answer
    {"do": "hang_up"}               drop the connection without a byte
    {"do": "status", "status": 429, "headers": {"retry-after": "1"}, "error": {...}}
    {"do": "fail", "code": "server_error", "message": "..."}    200 and a response that failed
    {"do": "malformed"}             200 and something that is not JSON

It speaks chat completions and responses.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
from functools import partial
from typing import Any

from aiohttp import web

from tests.fake_upstream import chat_shape, responses_shape
from tests.fake_upstream.errors import failure

LIMITS = ("max_output_tokens", "max_completion_tokens", "max_tokens")

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

    async def ask(self, api: Any, request: web.Request) -> web.StreamResponse:
        self.counts["requests"] += 1
        self.in_flight += 1
        self.counts["most_in_flight"] = max(self.counts["most_in_flight"], self.in_flight)
        try:
            return await self._ask(api, request)
        finally:
            self.in_flight -= 1

    async def _ask(self, api: Any, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen.append({"headers": dict(request.headers), "body": body, "path": request.path})
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return failure(
                401, f"Incorrect API key provided: {request.headers.get('Authorization')}", "invalid_api_key"
            )
        if problem := complaint(body, api.FIELDS) or api.complaint(body):
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
        while self.counts["requests"] < step.get("until", 0):
            await asyncio.sleep(0.02)
        answer = self.answer(api, body, step)
        if step["do"] == "fail":
            answer |= {
                "status": "failed",
                "output": [],
                "error": {"code": step["code"], "message": step["message"]},
            }
        if body.get("stream"):
            return await self.stream(api, request, body, answer, step)
        if step["do"] == "cut":
            return await cut_body(request, json.dumps(answer).encode())
        self._bill(api, answer)
        return web.json_response(answer)

    def answer(self, api: Any, body: Json, step: Json) -> Json:
        message: Json
        if "text" in step or "tool_calls" in step or not self.rehearsal:
            message = {"role": "assistant", "content": step.get("text", api.last(body)), "refusal": None}
            finish = "stop"
            if step.get("tool_calls"):
                message |= {"content": None, "tool_calls": step["tool_calls"]}
                finish = "tool_calls"
        else:
            from dgm.llm.backends.rehearsal import reply

            sample = hashlib.sha256(json.dumps(body["messages"][:2]).encode()).digest()[:16]
            said = reply(body, sample)
            message, finish = dict(said.message), said.finish_reason
        limit = next((body[key] for key in LIMITS if key in body), 1 << 30)
        output = (len(message["content"] or "") + len(json.dumps(message.get("tool_calls") or "")) + 3) // 4
        if output > limit and message.get("content"):
            message, finish, output = message | {"content": message["content"][: limit * 4]}, "length", limit
        counted = (len(json.dumps(api.said(body))) + len(json.dumps(body.get("tools", [])))) // 4
        told: Json = api.answer(body, message, finish, counted, output, self.counts["requests"])
        return told | ({"usage": step["usage"]} if "usage" in step else {})

    async def stream(
        self, api: Any, request: web.Request, body: Json, answer: Json, step: Json
    ) -> web.StreamResponse:
        self.counts["streams"] += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for i, chunk in enumerate(api.chunks(answer, body, step.get("piece", 5))):
            if i == step.get("after"):
                if step["do"] == "stall":
                    await asyncio.sleep(3600)
                assert request.transport is not None
                request.transport.abort()
                return response
            # cut in two, in the middle of a line: a reader must not depend on where the bytes are cut
            name = f"event: {chunk['type']}\n" if api.NAMED_EVENTS else ""
            data = f"{name}data: {json.dumps(chunk)}\n\n".encode()
            await response.write(data[:20])
            await response.write(data[20:])
            await asyncio.sleep(step.get("pause_s", 0))
        await response.write(api.END)
        self._bill(api, answer)
        return response

    def _bill(self, api: Any, answer: Json) -> None:
        self.counts["answered"] += 1
        usage = answer["usage"] or {}
        for mine, theirs in zip(("input_tokens", "output_tokens"), api.FIGURES, strict=True):
            figure = usage.get(theirs)
            self.counts[mine] += figure if isinstance(figure, int) else 0


def complaint(body: Json, fields: set[str]) -> web.Response | None:
    """What the real provider would turn down."""
    for field in body:
        if field not in fields:
            return failure(400, f"Unrecognized request argument supplied: {field}", None)
    if "max_tokens" in body and str(body.get("model")).startswith("reasoning"):
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        return failure(400, message, "unsupported_parameter", param="max_tokens")
    if str(body.get("model")).startswith("missing"):
        return failure(404, f"The model '{body['model']}' does not exist", "model_not_found")
    return None


async def cut_body(request: web.Request, data: bytes) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": str(len(data))}
    )
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def serve(provider: Provider, port: int) -> None:
    app = web.Application(client_max_size=32 << 20)
    for api in (chat_shape, responses_shape):
        app.router.add_post(api.PATH, partial(provider.ask, api))
    app.router.add_route("*", "/control/{what}", provider.control)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - how the starter learns the port
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--key")
    parser.add_argument("--rehearsal", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(serve(Provider(arguments.key, arguments.rehearsal), arguments.port))
