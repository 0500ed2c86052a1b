"""Runs inside a box as the untrusted user and tries what a box must refuse. Standard library only.

probe.py HOST_FILE PROCESSES DISK_BYTES        prints {check: [holds, what was seen]} as JSON
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial

IO_URING_SETUP = 425  # the same number on every architecture


def refused(action: Callable[[], object], *expected: int) -> tuple[bool, str]:
    """Holds when `action` fails with one of the `expected` error numbers, or with any when none is named."""
    try:
        action()
    except OSError as error:
        return not expected or error.errno in expected, error.strerror or str(error)
    return False, "allowed"


def no_network() -> tuple[bool, str]:
    names = [name for _, name in socket.if_nameindex()]
    if names != ["lo"]:
        return False, f"interfaces {' '.join(names)}"
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family) as end:
            end.settimeout(2)
            holds, seen = refused(partial(end.connect, (address, 80)))
            if not holds or "timed out" in seen:
                return False, f"{address}: {seen}"
    return True, "only lo, no route"


def root_read_only() -> tuple[bool, str]:
    box = os.path.dirname(os.getcwd())
    for directory in ("/", "/usr", "/etc", "/opt", "/dev", box):
        holds, seen = refused(partial(os.mkdir, f"{directory}/probe"))
        if not holds:
            return False, f"{directory}: {seen}"
    return True, "no directory outside the workspace can be written"


def no_privileges() -> tuple[bool, str]:
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    sets = {name: status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapInh")}
    holds = not any(int(value, 16) for value in sets.values()) and status["NoNewPrivs"].strip() == "1"
    return holds and os.getuid() != 0, f"uid {os.getuid()}, NoNewPrivs {status['NoNewPrivs'].strip()}, {sets}"


def host_files_hidden(path: str) -> tuple[bool, str]:
    return not os.path.exists(path), path


def host_processes_hidden() -> tuple[bool, str]:
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return len(pids) < 16, f"{len(pids)} processes"


def system_calls_filtered() -> tuple[bool, str]:
    libc = ctypes.CDLL(None, use_errno=True)
    parameters = ctypes.create_string_buffer(256)
    if libc.syscall(IO_URING_SETUP, 1, parameters) >= 0 or ctypes.get_errno() not in (
        errno.EPERM,
        errno.ENOSYS,
    ):
        return False, f"io_uring_setup: {os.strerror(ctypes.get_errno())}"
    for name in ("AF_VSOCK", "AF_ALG", "AF_PACKET"):
        if hasattr(socket, name):
            kind = socket.SOCK_SEQPACKET if name == "AF_ALG" else socket.SOCK_STREAM
            family = getattr(socket, name)
            unsupported = (errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT)
            holds, seen = refused(partial(socket.socket, family, kind), *unsupported)
            if not holds:
                return False, f"{name}: {seen}"
    return True, "io_uring, AF_VSOCK, AF_ALG and AF_PACKET refused"


def workspace_quota(limit: int) -> tuple[bool, str]:
    written = 0

    def fill() -> None:
        nonlocal written
        for number in range(64):
            with open(f"fill{number}", "wb", buffering=0) as file:
                for _ in range(8):
                    written += file.write(b"x" * (limit // 32))

    holds, seen = refused(fill, errno.ENOSPC, errno.EDQUOT)
    for number in range(64):
        if os.path.exists(f"fill{number}"):
            os.unlink(f"fill{number}")
    room = limit // 16  # what the readable areas may take up beside it, in whole pages
    return holds and written <= limit + room, f"{written} bytes, then {seen}"


def process_limit(limit: int) -> tuple[bool, str]:
    stop = threading.Event()
    started = 0
    try:
        for _ in range(2 * limit):
            threading.Thread(target=stop.wait, daemon=True).start()
            started += 1
    except RuntimeError as error:
        return started <= limit, f"{started}, then {error}"
    finally:
        stop.set()
    return False, f"{started} threads at once"


def openai_importable() -> tuple[bool, str]:
    return importlib.util.find_spec("openai") is not None, sys.version.split()[0]


def main(host_file: str, processes: int, disk_bytes: int) -> None:
    checks: dict[str, Callable[[], tuple[bool, str]]] = {
        "no network": no_network,
        "root read-only": root_read_only,
        "no privileges": no_privileges,
        "host files hidden": lambda: host_files_hidden(host_file),
        "host processes hidden": host_processes_hidden,
        "system calls filtered": system_calls_filtered,
        "workspace quota": lambda: workspace_quota(disk_bytes),
        "process limit": lambda: process_limit(processes),
        "openai importable": openai_importable,
    }
    seen: dict[str, tuple[bool, str]] = {}
    for name, check in checks.items():
        try:
            seen[name] = check()
        except OSError as error:
            seen[name] = False, str(error)
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
