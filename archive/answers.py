"""The columns of what people ask of a run: with descriptions, units and vocabularies, like those of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from .records import DecisionKind, ExpansionOutcome, Split
from .schema import COUNT, NUMBER, TEXT, TEXTS, TIME, TOKENS, described, worded

_AGENT = described("agent", TEXT, "the agent")
_PARENT = described("parent", TEXT, "agent that it descends from; null for a seed", null=True)
_DEPTH = described("depth", COUNT, "steps from the seed")
_RESOLVED = described("resolved", COUNT, "counted evaluations that were resolved")
_UNRESOLVED = described("unresolved", COUNT, "counted evaluations that were not")
_BOTH = "tasks that both met and that the parent {} and the child {}"

ANSWERS: Mapping[str, pa.Schema] = {
    "leaderboard": pa.schema(
        [
            _AGENT,
            _PARENT,
            _DEPTH,
            described("children", COUNT, "agents that were made of it"),
            _RESOLVED,
            _UNRESOLVED,
            described("mean", NUMBER, "mean of Beta(1 + resolved, 1 + unresolved)"),
            described("low", NUMBER, "lower end of its central interval, by default of 95 %"),
            described("high", NUMBER, "upper end of its central interval"),
        ]
    ),
    "matrix": pa.schema(
        [
            _AGENT,
            described("task", TEXT, "a task that it met"),
            worded("split", Split, "split of the task"),
            _RESOLVED,
            described("evaluations", COUNT, "counted evaluations"),
            described(
                "flip",
                TEXT,
                "whether parent and agent pass the task: pp, pf, fp or ff; null unless both met it",
                null=True,
            ),
        ]
    ),
    "flips": pa.schema(
        [
            described("parent", TEXT, "the parent"),
            described("child", TEXT, "the child"),
            described("tasks", COUNT, "tasks that both met"),
            described("pp", COUNT, _BOTH.format("passes", "passes")),
            described("pf", COUNT, _BOTH.format("passes", "fails")),
            described("fp", COUNT, _BOTH.format("fails", "passes")),
            described("ff", COUNT, _BOTH.format("fails", "fails")),
        ]
    ),
    "ancestry": pa.schema(
        [
            _AGENT,
            _PARENT,
            _DEPTH,
            described("seq", COUNT, "entry that made it"),
            described("operator", TEXT, "what its parent was asked for; null for a seed", null=True),
            described("context_parents", TEXTS, "other agents that its parent was shown"),
            described("patch_bytes", COUNT, "size of the diff to its parent", unit="bytes"),
            described("patch_files", COUNT, "files that differ from its parent"),
            described(
                "cost_microusd",
                COUNT,
                "price of the expansion; null for a seed",
                unit="micro-dollars",
                null=True,
            ),
            _RESOLVED,
            _UNRESOLVED,
        ]
    ),
    "clades": pa.schema(
        [
            _AGENT,
            _PARENT,
            _DEPTH,
            described("agents", COUNT, "agents of its clade, itself included"),
            described("resolved", COUNT, "counted evaluations of the clade that were resolved"),
            described("unresolved", COUNT, "counted evaluations of the clade that were not"),
            described("mean", NUMBER, "clade-metaproductivity: mean of Beta(1 + resolved, 1 + unresolved)"),
            described("low", NUMBER, "lower end of its central interval, by default of 95 %"),
            described("high", NUMBER, "upper end of its central interval"),
        ]
    ),
    "gains": pa.schema(
        [
            described("seq", COUNT, "entry of the expansion's result"),
            described("parent", TEXT, "agent that was expanded"),
            described("child", TEXT, "agent that came of it; null for none", null=True),
            described("operator", TEXT, "what the parent was asked for"),
            worded("outcome", ExpansionOutcome, "how it ended; void is shown too"),
            described("cost_microusd", COUNT, "price of the try", unit="micro-dollars"),
            described("mean", NUMBER, "mean of the belief in the child; null for none", null=True),
            described("gain", NUMBER, "by how much it is above the parent's; null for none", null=True),
        ]
    ),
    "costs": pa.schema(
        [
            described("role", TEXT, "what the agent asked for: solve, improve, diagnose or judge"),
            described("model", TEXT, "model that answered"),
            described("calls", COUNT, "model calls that were recorded"),
            described("journal", COUNT, "of these, answered from the journal, so not paid again"),
            described("estimated", COUNT, "of these, with tokens that were estimated"),
            *TOKENS,
            described("latency_s", NUMBER, "waiting for answers, all calls together", unit="s"),
        ]
    ),
    "timeline": pa.schema(
        [
            described("id", TEXT, "name of the job and its result"),
            described("seq", COUNT, "entry of its result"),
            described("decision", COUNT, "seq of its decision"),
            described("attempt", COUNT, "try, from 1"),
            worded("kind", DecisionKind, "expand or evaluate"),
            described("agent", TEXT, "agent that was expanded or evaluated"),
            described("task", TEXT, "task that it worked on; null when expanding", null=True),
            described("outcome", TEXT, "how it ended; void is shown too"),
            described(
                "lane",
                COUNT,
                "lowest number, from 0, that no job had which ran at the same time: a slot's row",
            ),
            described("started", TIME, "when the job began", unit="us since 1970-01-01 UTC"),
            described(
                "finished", TIME, "when it ended: began, waited, worked", unit="us since 1970-01-01 UTC"
            ),
            described("queued_s", NUMBER, "waiting for room for its boxes", unit="s"),
            described("running", COUNT, "jobs that ran when it began, itself included"),
            described(
                "in_flight", COUNT, "decisions without their last result when it ended, its own included"
            ),
        ]
    ),
}
"""Question -> columns of the answer."""


def answer(question: str, **columns: Any) -> pa.Table:
    """The answer to `question` with exactly its columns."""
    schema = ANSWERS[question]
    arrays = [_column(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(values: Any, type: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks().cast(type)
    if pa.types.is_dictionary(type):
        return pa.array(values, TEXT).cast(type)
    return pa.array(values, type)
