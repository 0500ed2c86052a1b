"""What the stand-in answers: one assistant message and how long it pretends the texts were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer of the stand-in.

    `message` is an assistant message in chat completions form: `role`, `content`, and `tool_calls` if it calls
    tools. `finish_reason` is `stop`, `tool_calls` or `length`. The token counts follow from the texts alone.
    """

    message: Mapping[str, object]
    finish_reason: str
    input_tokens: int
    output_tokens: int
