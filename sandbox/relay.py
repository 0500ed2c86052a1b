"""The door, seen from inside: a loopback port whose bytes go to the gateway's Unix socket.

Runs inside the box, in a Python that may hold little more than sockets and threads: no other import, no parsing,
nothing of ours. One thread per direction and connection; connections beyond the bound wait in the listen
queue. Sockets and threads are the bare ones: the box waits for no import of `socket`, a new connection for no
hand-shake with a new thread.

    python3 relay.py SOCKET PORT [SECONDS]     listens on 127.0.0.1:PORT, ends after SECONDS
    python3 relay.py SOCKET fd:N               serves the listening socket that it inherited as descriptor N, for as
                                               long as its standard input is open: it goes with who started it
"""

from __future__ import annotations

import _socket as socket
import sys
import threading
from _thread import allocate_lock, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from typing import Any

CONNECTIONS = 64
CHUNK = 1 << 16
LINGER = 5.0  # seconds that a request may take to come in after it was turned away
AWAY = b'{"error": {"message": "the gateway is away", "type": "bad_gateway", "code": null}}'
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: " + str(len(AWAY)).encode() + b"\r\n\r\n" + AWAY
)


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def serve(listener: socket.socket, path: str, connections: int = CONNECTIONS) -> None:
    """Accept for ever. Returns when the listener is closed."""
    bare: Any = listener  # whose `_accept` the types do not know
    free = threading.BoundedSemaphore(connections)
    while True:
        free.acquire()
        try:
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, bare._accept()[0])
        except ConnectionAbortedError:
            free.release()
            continue
        except OSError as error:
            free.release()
            if error.errno in (9, 22):  # EBADF, EINVAL: the listener is closed
                return
            threading.Event().wait(0.05)  # whatever else it is (no descriptors, no memory) passes
            continue
        try:
            start_new_thread(_carry, (client, path, free))
        except RuntimeError:  # no more threads at this moment
            client.close()
            free.release()


def _carry(client: socket.socket, path: str, free: threading.BoundedSemaphore) -> None:
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gateway = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            try:
                gateway.connect(path)
            except OSError:
                client.recv(CHUNK)
                client.sendall(BAD_GATEWAY)
                _shut(client, socket.SHUT_WR)
                client.settimeout(LINGER)
                while client.recv(CHUNK):  # closed before all is read, the answer could be lost in a reset
                    pass
                return
            answered = allocate_lock()
            answered.acquire()
            start_new_thread(_answer, (gateway, client, answered))
            _pump(client, gateway)
            answered.acquire()
        finally:
            gateway.close()
    except (OSError, RuntimeError):
        pass
    finally:
        client.close()
        free.release()


def _answer(gateway: socket.socket, client: socket.socket, answered: LockType) -> None:
    try:
        _pump(gateway, client)
        # The gateway has ended its side: nothing that the client still sends can be answered.
        _shut(client, socket.SHUT_RD)
    finally:
        answered.release()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    except OSError:
        # The other direction is of no use either once this one is broken.
        _shut(source, socket.SHUT_RDWR)
        _shut(sink, socket.SHUT_RDWR)
        return
    _shut(sink, socket.SHUT_WR)


def _shut(end: socket.socket, how: int) -> None:
    try:
        end.shutdown(how)
    except OSError:
        pass


def main(arguments: list[str]) -> None:
    path, where = arguments[0], arguments[1]
    inherited = where.startswith("fd:")
    listener = socket.socket(fileno=int(where[3:])) if inherited else listen(int(where))
    server = threading.Thread(target=serve, args=(listener, path), daemon=True)
    server.start()
    if inherited:
        sys.stdin.read()
    else:
        server.join(float(arguments[2]) if len(arguments) > 2 else None)


if __name__ == "__main__":
    main(sys.argv[1:])
