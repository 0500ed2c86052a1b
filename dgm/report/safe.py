"""Texts that agents and models wrote, made safe for a terminal."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and newline
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, or change the direction
    "\ud800-\udfff"  # halves of a pair: no encoding holds them
    "\U000e0000-\U000e007f]"  # invisible tags
)


def safe_text(text: str) -> str:
    """`text` with whatever could steer or deceive a terminal as visible escapes such as `\\x1b`. Lines stay lines."""
    return _UNSAFE.sub(_escaped, text)


def safe_line(text: str) -> str:
    """`safe_text` on one line: newlines and tabs are escaped too."""
    return safe_text(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
