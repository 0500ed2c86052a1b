"""Runs inside a box: calls the model in turns straight through the gateway's socket and through the relay's port."""

import json
import socket
import sys
import time


def straight() -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    end.connect("/door/gateway.sock")
    return end


def relayed() -> socket.socket:
    end = socket.create_connection(("127.0.0.1", settings["port"]))
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end


def call(end: socket.socket) -> None:
    end.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(end)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")
    assert fields[0].endswith(b" 200 ok"), head
    length = next(int(field[15:]) for field in fields if field.startswith(b"content-length:"))
    while len(body) < length:
        body += receive(end)


def receive(end: socket.socket) -> bytes:
    chunk = end.recv(1 << 16)
    assert chunk, "the connection was closed in the middle of an answer"
    return chunk


def main() -> None:
    ends = [way() for way in (straight, relayed)] if settings["kept"] else []
    rounds = []
    for turn in range(-20, settings["count"]):
        took = [0.0, 0.0]
        for way in (0, 1) if turn % 2 else (1, 0):
            began = time.perf_counter()
            if ends:
                call(ends[way])
            else:
                with (straight, relayed)[way]() as end:
                    call(end)
            took[way] = time.perf_counter() - began
        if turn >= 0:
            rounds.append(took)
    json.dump(rounds, sys.stdout)


settings = json.loads(sys.argv[1])
request = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(settings["body"])
) + settings["body"].encode()
main()
