from __future__ import annotations

import errno
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox import relay


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dgm-door-") as directory:
        yield Path(directory) / "gateway.sock"


@pytest.fixture
def upstream(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        yield listener


def serving(stack: ExitStack, place: Path, connections: int = 4) -> tuple[str, int]:
    listener = relay.listen(0)
    stack.callback(listener.close)
    stack.callback(listener.shutdown, socket.SHUT_RDWR)
    threading.Thread(target=relay.serve, args=(listener, str(place), connections), daemon=True).start()
    address: tuple[str, int] = listener.getsockname()
    return address


def drain(end: socket.socket) -> bytes:
    data = b""
    while chunk := end.recv(1 << 16):
        data += chunk
    return data


def test_bytes_pass_unchanged_both_ways_and_ends_are_handed_on(place: Path, upstream: socket.socket) -> None:
    sent, answer = bytes(range(256)) * 4000, bytes(reversed(range(256))) * 3000
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(serving(stack, place)))
        gateway = stack.enter_context(upstream.accept()[0])
        seen: list[bytes] = []
        reader = threading.Thread(target=lambda: seen.append(drain(gateway)))
        reader.start()
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        reader.join(30)
        assert seen == [sent]
        gateway.sendall(answer)
        gateway.close()
        assert drain(client) == answer


def test_small_pieces_are_not_held_back(place: Path, upstream: socket.socket) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(serving(stack, place), timeout=30))
        gateway = stack.enter_context(upstream.accept()[0])
        for number in range(20):
            gateway.sendall(b"data: %d\n\n" % number)
            assert client.recv(100) == b"data: %d\n\n" % number


def test_an_absent_gateway_is_a_502(place: Path) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(serving(stack, place), timeout=30))
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert drain(client).startswith(b"HTTP/1.1 502 ")


def test_a_gateway_that_comes_back_is_found_again(place: Path) -> None:
    with ExitStack() as stack:
        address = serving(stack, place)
        for _ in range(2):
            with socket.create_connection(address, timeout=30) as client:
                client.sendall(b"x")
                assert b"502" in drain(client)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(place))
                listener.listen()
                with socket.create_connection(address, timeout=30) as client:
                    client.sendall(b"hello")
                    with listener.accept()[0] as gateway:
                        assert gateway.recv(10) == b"hello"
            place.unlink()


def test_a_request_of_any_size_is_told_that_the_gateway_is_away(place: Path) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(serving(stack, place), timeout=30))
        client.sendall(b"POST / HTTP/1.1\r\n\r\n" + bytes(8 << 20))
        assert drain(client).startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOBUFS, errno.ENETDOWN, errno.EPROTO, errno.EPERM])
def test_what_hinders_a_connection_ends_nothing(place: Path, upstream: socket.socket, number: int) -> None:
    class Hindered(socket.socket):
        hindered = 3

        def _accept(self) -> tuple[int, object]:
            if self.hindered:
                self.hindered -= 1
                raise OSError(number, "hindered")
            accepted: tuple[int, object] = super()._accept()  # type: ignore[misc]
            return accepted

    with Hindered(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = threading.Thread(target=relay.serve, args=(listener, str(place)), daemon=True)
        server.start()
        with socket.create_connection(listener.getsockname(), timeout=30) as client:
            client.sendall(b"hello")
            with upstream.accept()[0] as gateway:
                assert gateway.recv(10) == b"hello"
        listener.shutdown(socket.SHUT_RDWR)
        server.join(30)
        assert not server.is_alive()


def test_connections_beyond_the_bound_wait_for_their_turn(place: Path, upstream: socket.socket) -> None:
    with ExitStack() as stack:
        address = serving(stack, place, connections=2)
        clients = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(3)]
        for client in clients:
            client.sendall(b"x")
        first, second = upstream.accept()[0], upstream.accept()[0]
        upstream.settimeout(0.3)
        with pytest.raises(TimeoutError):
            upstream.accept()
        first.close()
        upstream.settimeout(30)
        upstream.accept()[0].close()
        second.close()


def test_a_client_that_vanishes_ends_the_upstream_side(place: Path, upstream: socket.socket) -> None:
    with ExitStack() as stack:
        client = socket.create_connection(serving(stack, place), timeout=30)
        gateway = stack.enter_context(upstream.accept()[0])
        gateway.settimeout(30)
        client.close()
        assert gateway.recv(1) == b""


def test_it_runs_alone_on_nothing_but_sockets_and_threads(place: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = []; import runpy; runpy.run_path(sys.orig_argv[-1], run_name='relay'); "
    )
    code += "print(*sorted({'json', 'http', 'asyncio', 'socketserver', 'sandbox'} & set(sys.modules)))"
    path = str(Path(relay.__file__))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, path], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


def test_it_ends_by_itself_at_its_deadline(place: Path) -> None:
    arguments = [sys.executable, "-I", "-S", relay.__file__, str(place), "0", "0.2"]
    assert subprocess.run(arguments, timeout=60, check=False).returncode == 0
