"""Joins the halves of a pair: each becomes its command, with the channel as descriptor 3.

    pair.py trusted NAME PEER_UID AHEAD COMMAND ...        waits for the other half
    pair.py untrusted NAME PEER_UID AHEAD COMMAND ...      comes to it

A Python program given as `IN_PLACE` and its text runs in the interpreter that is there: starting another one would
cost each half as much as all else here, which is also why this imports so little. AHEAD is its beginning, which
runs while the other half is still on its way.

The meeting place is an abstract Unix socket with a random name in the container's own network namespace; each
half asks the kernel for the uid of the other, so nothing else in the container can take a place.
"""

from __future__ import annotations

import _socket
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` is not worth its import here
    from typing import Any

IN_PLACE = ["python3", "-P", "-s", "-B", "-S", "-c"]
"""How this program is started itself, but for its own path: a program in Python that wants the same may have it."""

PATIENCE = 20.0  # seconds; both commands are started within a fraction of one


def peer(end: _socket.socket) -> int:
    return int.from_bytes(end.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)[4:8], sys.byteorder)


def listen(name: str) -> _socket.socket:
    listener = _socket.socket(_socket.AF_UNIX)
    listener.bind("\0" + name)
    listener.listen(8)
    listener.settimeout(PATIENCE)
    return listener


def wait_for(listener: Any, uid: int) -> _socket.socket:
    """`Any`: the types do not know a bare socket's `_accept`."""
    try:
        while True:
            end = _socket.socket(fileno=listener._accept()[0])
            if peer(end) == uid:
                return end
            end.close()
    finally:
        listener.close()


def come_to(name: str, uid: int) -> _socket.socket:
    deadline = time.monotonic() + PATIENCE
    while True:
        end = _socket.socket(_socket.AF_UNIX)
        try:
            end.connect("\0" + name)
        except ConnectionRefusedError:
            end.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)
            continue
        if peer(end) != uid:
            raise SystemExit("somebody else sits at the meeting place")
        return end


def main(arguments: list[str]) -> None:
    role, name, uid, ahead, command = *arguments[:2], int(arguments[2]), arguments[3], arguments[4:]
    listener = listen(name) if role == "trusted" else None
    scope: dict[str, object] = {"__name__": "__main__"}
    exec(compile(ahead, "<string>", "exec"), scope)
    end = come_to(name, uid) if listener is None else wait_for(listener, uid)
    end.setblocking(True)
    if end.fileno() == 3:
        os.set_inheritable(3, True)
        end.detach()
    else:
        os.dup2(end.fileno(), 3, inheritable=True)
        end.close()
    become(command, scope)


def become(command: list[str], scope: dict[str, object]) -> None:
    words = len(IN_PLACE)
    if command[:words] == IN_PLACE and len(command) > words:
        sys.argv = ["-c", *command[words + 1 :]]
        exec(compile(command[words], "<string>", "exec"), scope)
        return
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode("utf-8", "replace"))
        os._exit(127 if error.errno == 2 else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
