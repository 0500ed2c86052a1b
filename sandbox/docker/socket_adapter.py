"""The way of the engine's client to a Unix socket.

Its own leaves a socket open that could not connect, and takes a new connection for each address of a request.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

AT_ONCE = 128  # connections that are kept


class SocketAdapter(HTTPAdapter):
    """Leads every request of a `requests` session to the socket at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._pool = HTTPConnectionPool("localhost", maxsize=AT_ONCE, path=path)
        self._pool.ConnectionCls = _Connection

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        return self._pool

    def request_url(self, request: PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        return request.path_url

    def close(self) -> None:
        self._pool.close()
        super().close()


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, path: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)  # before it connects, so that `close` finds it
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
