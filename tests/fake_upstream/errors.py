from __future__ import annotations

from aiohttp import web


def failure(status: int, message: str, code: str | None, *, param: str | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return web.json_response({"error": error}, status=status)
