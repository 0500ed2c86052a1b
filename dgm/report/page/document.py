"""The HTML document: our own scripts and styles in it, data as compressed text that no browser runs.

A policy in the document allows these scripts and styles by their hashes and nothing else: no request, no frame, no
form. Data is in blocks of base64, so nothing that an agent wrote can end a block or be read as HTML.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from dgm.report.safe import safe_line

SCRIPTS = (
    *("text", "elements", "store", "live", "route", "colours", "hover", "frame"),
    *("tree", "tree_svg", "tree_canvas", "tree_keys", "line", "agent", "diff", "rollout"),
    *("matrix", "charts", "progress", "decisions", "costs", "time", "search", "main"),
)
"""Our scripts in their order."""

STYLES = ("theme", "frame", "tree", "text", "tables")


def block(name: str, json: bytes) -> str:
    """A block of data, deflated, that the page unpacks when it needs it."""
    text = base64.b64encode(zlib.compress(json, 6)).decode()
    return f'<script type="application/x-dgm" id="data-{name}">{text}</script>\n'


def as_json(value: object) -> bytes:
    """JSON in ASCII, so that any text, halves of pairs included, comes through."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def document(
    title: str, first: str, rest: Iterator[str] | tuple[str, ...] = (), *, connects: bool = False
) -> Iterator[str]:
    """The document piece by piece: the blocks in `first` are there when the scripts begin, those in `rest` soon after.

    `connects` lets the page ask the server that it came from.
    """
    script, style = script_text(), style_text()
    policy = (
        f"default-src 'none'; script-src {_allowed(script)}; style-src {_allowed(style)}; "
        + ("connect-src 'self'; " if connects else "")
        + "base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{html.escape(safe_line(title))}</title>\n<style>{style}</style>\n</head>\n"
    )
    yield f"<body>\n{_asset('body.html')}\n{first}<script>{script}</script>\n"
    yield from rest
    yield "</body>\n</html>\n"


@cache
def script_text() -> str:
    """All scripts as one, in a scope of its own."""
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'


@cache
def style_text() -> str:
    return "\n".join(_asset(f"{name}.css") for name in STYLES)


def _allowed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _asset(name: str) -> str:
    return (files(__package__ or "") / "assets" / name).read_text(encoding="utf-8")
