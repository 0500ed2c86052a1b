"""The way to a Unix socket, without an engine."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest
import requests

from sandbox.docker.socket_adapter import SocketAdapter


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    connections = 0

    def verify_request(self, *_: object) -> bool:
        self.connections += 1
        return True


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/never":
            time.sleep(2.0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def server(path: Path) -> Iterator[Server]:
    path.unlink(missing_ok=True)
    with Server(str(path), Answers) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.mount("http+docker://", SocketAdapter(str(tmp_path / "s")))
        yield found


def test_one_connection_serves_every_address(session: requests.Session, tmp_path: Path) -> None:
    with server(tmp_path / "s") as found:
        for path in ("/a", "/b?c=d", "/a"):
            assert session.get(f"http+docker://localhost{path}").text == path
        assert found.connections == 1


def test_who_is_not_at_home_leaves_nothing_open(session: requests.Session, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            session.get("http+docker://localhost/a")
    gc.collect()  # a socket that is still open here is a ResourceWarning, and that an error
    with server(tmp_path / "s"):
        assert session.get("http+docker://localhost/a").text == "/a"


def test_who_does_not_answer_in_time_is_told_of(session: requests.Session, tmp_path: Path) -> None:
    with server(tmp_path / "s"), pytest.raises(requests.ReadTimeout):
        session.get("http+docker://localhost/never", timeout=0.2)
