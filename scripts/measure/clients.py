"""Clients of a gateway, in a process of their own: what is asked of them stands in the first argument as JSON."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATH = "/v1/chat/completions"
PADDING = "x" * 2000


class Unix(http.client.HTTPConnection):
    """A connection to a rollout's socket."""

    def __init__(self, path: str) -> None:
        super().__init__("door", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def body(wanted: str, *, stream: bool = False) -> bytes:
    messages = [{"role": "user", "content": PADDING}, {"role": "user", "content": wanted}]
    return json.dumps(
        {"model": "solve", "messages": messages, **({"stream": True} if stream else {})}
    ).encode()


def call(connection: http.client.HTTPConnection) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    connection.request("POST", PATH, body("answer"))
    response = connection.getresponse()
    response.read()
    assert response.status == 200, response.status
    return time.perf_counter() - began


def listen(connection: http.client.HTTPConnection, chunks: int) -> list[float]:
    """Seconds that each chunk of a stream was on its way."""
    connection.request("POST", PATH, body(f"stream {chunks}", stream=True))
    response = connection.getresponse()
    late = []
    for line in response:
        told = json.loads(line[6:])["choices"] if line.startswith(b"data: {") else []
        if told and (text := told[0]["delta"].get("content")):
            late.append((time.monotonic_ns() - int(text)) / 1e9)
    assert len(late) == chunks, len(late)
    return late


def in_turns(work: dict[str, Any]) -> list[list[Any]]:
    """Calls, or streams of so many chunks, straight to the provider and through each door, in turns."""
    ways = [http.client.HTTPConnection("127.0.0.1", work["port"], timeout=120), *map(Unix, work["doors"])]
    rounds: list[list[Any]] = [[] for _ in ways]
    for turn in range(-work["count"] // 10, work["count"]):
        order = range(len(ways)) if turn % 2 else reversed(range(len(ways)))
        for way in order:
            took = listen(ways[way], work["chunks"]) if "chunks" in work else call(ways[way])
            if turn >= 0:
                rounds[way].append(took)
    return rounds


def at_once(work: dict[str, Any]) -> float:
    """Seconds that all doors together need for `count` calls each."""

    def some(door: str) -> None:
        connection = Unix(door)
        for _ in range(work["count"]):
            call(connection)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(work["doors"])) as pool:
        list(pool.map(some, work["doors"]))
    return time.perf_counter() - began


def hold(work: dict[str, Any]) -> None:
    """Hold a stream open at each door until the input closes."""
    held = []
    for door in work["doors"]:
        connection = Unix(door)
        connection.request("POST", PATH, body("hold", stream=True))
        held.append(connection)
    for connection in held:
        assert connection.getresponse().readline().startswith(b"data: {")
    told(len(held))
    sys.stdin.read()


def told(found: object) -> None:
    """What the starter reads."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    if asked["what"] == "hold":
        hold(asked)
    else:
        told(in_turns(asked) if asked["what"] == "in turns" else at_once(asked))
