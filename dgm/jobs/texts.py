"""Texts that a result carries, cut to a size that an archive can hold many of."""

from __future__ import annotations

LOG_BYTES = 64 << 10
"""Bytes of an agent's output that are kept."""

REASON_CHARACTERS = 500


def clipped(text: bytes, cap: int = LOG_BYTES) -> bytes:
    """The beginning and the end of `text`, at most `cap` bytes of it, with a line that says how much is missing."""
    if len(text) <= cap:
        return text
    head, tail = text[: cap // 2], text[-(cap - cap // 2) :]
    return b"%s\n[%d bytes left out]\n%s" % (head, len(text) - cap, tail)


def one_line(text: str) -> str:
    """A reason for people: one line, no control characters, of bounded length."""
    words = " ".join(text.split()).encode("utf-8", "replace").decode()
    plain = "".join(character if character.isprintable() else "?" for character in words)
    return plain if len(plain) <= REASON_CHARACTERS else f"{plain[: REASON_CHARACTERS - 3]}..."
