"""A stand-in for the gateway behind a box's door."""

from __future__ import annotations

import json
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path


@contextmanager
def gateway(answer: dict[str, object] | None = None) -> Iterator[Path]:
    """An HTTP server on `gateway.sock` in a directory of its own; each request gets `answer` and an echo."""
    door = Path(tempfile.mkdtemp(prefix="dgm-door-"))
    try:
        with gateway_in(door, answer):
            yield door
    finally:
        shutil.rmtree(door)


@contextmanager
def gateway_in(door: Path, answer: dict[str, object] | None = None) -> Iterator[None]:
    """The same in this directory, until it is left."""
    socket = door / "gateway.sock"
    try:
        with _Server(str(socket), _Handler) as server:
            server.answer = answer or {"object": "list", "data": []}
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            serving.start()
            try:
                yield
            finally:
                server.shutdown()
                serving.join()
    finally:
        socket.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    answer: dict[str, object]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        assert isinstance(self.server, _Server)
        echo = {"path": self.path, "body": body.decode("utf-8", "replace")}
        data = json.dumps({**self.server.answer, "echo": echo}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _reply

    def log_message(self, format: str, *args: object) -> None:
        pass
