"""A tree of files as one blob, and how much of what an agent left is worth keeping."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection

from sandbox import Files

KEPT_BYTES = 1 << 20
"""Bytes of an answer, names included, that are kept in the archive."""


def packed_files(files: Files) -> bytes:
    """Canonical bytes of a tree: JSON of path -> content, text as text and anything else as base64."""
    return json.dumps({path: _out(files[path]) for path in sorted(files)}, ensure_ascii=False).encode()


def unpacked_files(blob: bytes) -> Files:
    """The tree in a packed blob."""
    return {path: _in(content) for path, content in json.loads(blob).items()}


def kept_files(answer: Files, *, first: Collection[str], given: Collection[str]) -> Files:
    """As much of an answer as `KEPT_BYTES` hold: the files in `first`, then those that were `given`, then the small."""

    def rank(path: str) -> tuple[bool, bool, int, str]:
        return path not in first, path not in given, len(answer[path]), path

    left, kept = KEPT_BYTES, set()
    for path in sorted(answer, key=rank):
        size = len(path.encode()) + len(answer[path])
        if size <= left:
            left -= size
            kept.add(path)
    return {path: content for path, content in answer.items() if path in kept}


def _out(content: bytes) -> str | list[str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return [base64.b64encode(content).decode()]


def _in(content: str | list[str]) -> bytes:
    return content.encode() if isinstance(content, str) else base64.b64decode(content[0])
