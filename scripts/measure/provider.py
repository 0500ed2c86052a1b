"""A provider that takes no time, as a process of its own: it prints its port and serves until its input closes.

The last message says what is wanted: `answer`, `stream 50` (so many chunks, each with the time at which it was sent)
or `hold` (three chunks, then silence).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

HEAD = {"id": "perf", "created": 0, "model": "perf"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
PAUSE_S = 0.002


async def answer(request: web.Request) -> web.StreamResponse:
    asked = (await request.json())["messages"][-1]["content"].split()
    if asked[0] == "answer":
        message = {"role": "assistant", "content": "done"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return web.json_response({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for _ in range(int(asked[1]) if asked[0] == "stream" else 3):
        await asyncio.sleep(PAUSE_S)
        await response.write(chunk({"delta": {"content": f"{time.monotonic_ns()} "}, "finish_reason": None}))
    if asked[0] == "hold":
        await asyncio.sleep(3600)
    await response.write(chunk({"delta": {}, "finish_reason": "stop"}, usage=USAGE) + b"data: [DONE]\n\n")
    return response


def chunk(choice: dict[str, Any], **more: Any) -> bytes:
    body = {**HEAD, "object": "chat.completion.chunk", "choices": [{"index": 0, **choice}], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


async def serve() -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - how the starter learns the port
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
