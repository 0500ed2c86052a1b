from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgm.report import safe_line, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 漢字 🦎\n\tstays", "plain, ünïcode 漢字 🦎\n\tstays"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\x0db"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp", "\\u202egnp"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\x00\x07\x08\x7f", "\\x00\\x07\\x08\\x7f"),
    ],
)
def test_what_steers_a_terminal_is_shown(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_a_line_is_one_line() -> None:
    assert safe_line("a\n\tb\x1b") == "a\\n\\tb\\x1b"


@given(st.text(alphabet=st.characters(codec=None)))
def test_safe_text_prints_and_stays_as_it_is(text: str) -> None:
    shown = safe_text(text)
    shown.encode()
    assert safe_text(shown) == shown
    assert all(char in "\n\t" or not 0 <= ord(char) < 32 for char in shown)
