"""A tree of files as one blob: JSON of path -> content, text as text and anything else as base64."""

from __future__ import annotations

import base64
import json

from sandbox import Files


def packed_files(files: Files) -> bytes:
    """Canonical bytes of a tree: the same tree always gives the same bytes."""
    return json.dumps({path: _out(files[path]) for path in sorted(files)}, ensure_ascii=False).encode()


def unpacked_files(blob: bytes) -> Files:
    """The tree in a packed blob."""
    return {path: _in(content) for path, content in json.loads(blob).items()}


def _out(content: bytes) -> str | list[str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return [base64.b64encode(content).decode()]


def _in(content: str | list[str]) -> bytes:
    return content.encode() if isinstance(content, str) else base64.b64decode(content[0])
