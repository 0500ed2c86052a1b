"""Joins the halves of a pair: each becomes its command, with the channel as descriptor 3.

    pair.py trusted NAME PEER_UID COMMAND ...        waits for the other half
    pair.py untrusted NAME PEER_UID COMMAND ...      comes to it

The meeting place is an abstract Unix socket with a random name in the container's own network namespace; each
half asks the kernel for the uid of the other, so nothing else in the container can take a place.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time

PATIENCE = 20.0  # seconds; both commands are started within a fraction of one


def peer(end: socket.socket) -> int:
    uid: int = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    return uid


def wait_for(name: str, uid: int) -> socket.socket:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + name)
        listener.listen(8)
        listener.settimeout(PATIENCE)
        while True:
            end, _ = listener.accept()
            if peer(end) == uid:
                return end
            end.close()


def come_to(name: str, uid: int) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while True:
        end = socket.socket(socket.AF_UNIX)
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
    role, name, uid, command = arguments[0], arguments[1], int(arguments[2]), arguments[3:]
    end = wait_for(name, uid) if role == "trusted" else come_to(name, uid)
    end.setblocking(True)
    if end.fileno() == 3:
        os.set_inheritable(3, True)
    else:
        os.dup2(end.fileno(), 3, inheritable=True)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode("utf-8", "replace"))
        os._exit(127 if error.errno == 2 else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
