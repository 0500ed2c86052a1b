"""Boxes to try things in, and what is left of them on the machine."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from sandbox.base import Box, BoxSpec, ExecResult, Files
from sandbox.errors import SubmissionRejectedError

ODD_FILES = {
    "every byte.bin": bytes(range(256)) * 40,
    "empty": b"",
    "no newline": b"end",
    "line\\ends"[:4] + ".txt": b"a\r\nb\rc\n\0",
    "deep/er/ünïcode ☃.txt": "\ufeff☃".encode(),
    "deep/-not".replace("-", "") + ".sh": b"#!/bin/sh\nexit 7\n",
    "x" * 150: b"a long name",
    "$(touch pwned)`;'\" *": b"a name for shells",
}


def processes_named(marker: str) -> list[int]:
    """Processes of this machine with `marker` on their command line, whatever namespace they live in."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if marker.encode() in (directory / "cmdline").read_bytes():
                    found.append(int(directory.name))
            except OSError:
                continue
    return found


def gone(marker: str, seconds: float = 30.0) -> bool:
    """Whether no process carries `marker` any more, within `seconds`."""
    end = time.monotonic() + seconds
    while processes_named(marker):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def a_spec(**given: Any) -> BoxSpec:
    fields: dict[str, Any] = {"name": f"test-{uuid.uuid4().hex[:8]}", "kind": "solve"}
    return BoxSpec(**{**fields, **given})


def python(box: Box, code: str, *words: str, **given: Any) -> ExecResult:
    return box.exec(["python3", "-c", code, *words], **given)


def files_or_none(box: Box) -> Files | None:
    """What came out, or None when it was rejected."""
    try:
        return box.get()
    except SubmissionRejectedError:
        return None
