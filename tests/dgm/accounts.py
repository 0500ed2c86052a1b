"""What a run recorded of its calls, held against what the provider counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archive import Call, Row


def spent_as_counted(recorded: Sequence[Row], counts: Mapping[str, int]) -> int:
    """Micro-dollars, an input token at 1 and an output token at 10; each request is a call, none missing."""
    calls = [row for row in recorded if isinstance(row, Call)]
    assert counts["requests"] == counts["answered"] == len(calls)
    assert counts["input_tokens"] == sum(call.input_tokens for call in calls)
    assert counts["output_tokens"] == sum(call.output_tokens for call in calls)
    spent = sum(call.cost_microusd for call in calls)
    assert spent == counts["input_tokens"] + 10 * counts["output_tokens"]
    return spent
