"""Rollouts without a sandbox: what runs in a node's own process is only an agent's asking."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

from dgm.workers.ray_nodes import NodeGateway

PATIENCE_S = 300.0


class Rolling(NodeGateway):
    """The gateway of one node, whose rollouts ask from there too."""

    def ask(self, door: Path, times: int, text: str) -> list[int]:
        """The statuses of so many calls, or of those up to the first that was refused."""
        body = json.dumps({"model": "solve", "messages": [{"role": "user", "content": text}]}).encode()
        statuses: list[int] = []
        while len(statuses) < times and set(statuses) <= {200}:
            connection = http.client.HTTPConnection("door")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(PATIENCE_S)
            connection.sock.connect(str(door / "gateway.sock"))
            connection.request("POST", "/v1/chat/completions", body)
            statuses.append(connection.getresponse().status)
            connection.close()
        return statuses
