"""A large run made from columns, as a long search leaves it, without searching."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from archive import (
    ROW_TYPES,
    SCHEMAS,
    Blobs,
    DecisionKind,
    Outcome,
    Row,
    RunInfo,
    Split,
    Usage,
    create_run,
    job_id,
)
from archive.codec import encode
from archive.indexing import refresh_index
from archive.log import create_segment, segment_paths
from archive.parquet import write_part
from archive.run import SEGMENT_LINES
from archive.schema import to_arrow
from archive.seals import Seal, SealedPart, write_seal
from archive.testing import a_call, a_decision, an_agent, an_evaluation, an_expansion
from scripts.measure.large_code import write_agents, write_texts

TASKS = tuple(f"katas/task-{n:03d}" for n in range(225))
OPEN = 64
"""Decisions at the end that have no result."""

BEGAN = 1_772_366_400_000_000
PACE = 250_000
"""Microseconds since 1970-01-01 UTC, and from the beginning of one job to that of the next."""

TEXTS = 64
RUN = "large"

Ints = NDArray[np.int64]


def make(path: Path, *, agents: int, evaluations: int, seed: int = 1) -> None:
    """Write a run that `dgm verify` finds whole: each decision is followed by its result, expansions come evenly
    between the evaluations; an evaluation is of any agent that is there, on any task, with one model call and one of
    `TEXTS` transcripts; some thirty jobs run at once.
    """
    generator = np.random.default_rng(seed)
    create_run(path, RunInfo(id=RUN, seed=seed, splits={Split.SEARCH: TASKS})).close()
    tables = _tables(path, agents, evaluations, generator)
    last = 1 + 2 * (agents - 1 + evaluations) + OPEN
    sealed = dict.fromkeys(ROW_TYPES, 0)
    for first in range(0, last, SEGMENT_LINES):
        end = min(first + SEGMENT_LINES, last)
        parts: dict[str, SealedPart] = {}
        for table, data in tables.items():
            low, high = np.searchsorted(data["seq"].to_numpy(), (first, end))
            if high > low:
                part = path / table / f"part-{first:012d}-{end - 1:012d}.parquet"
                parts[table] = write_part(part, data.slice(low, high - low))
                sealed[table] += int(high - low)
        write_seal(path, Seal(first=first, last=end - 1, parts=parts))
    for old in segment_paths(path / "log"):
        old.unlink()
    create_segment(path / "log", last, sealed, epoch=9)
    refresh_index(path)


def _tables(path: Path, agents: int, evaluations: int, generator: np.random.Generator) -> dict[str, pa.Table]:
    pairs = agents - 1 + evaluations
    expands = np.zeros(pairs + OPEN, dtype=bool)
    expands[np.linspace(0, pairs - 1, agents - 1).astype(np.int64)] = True
    there = 1 + np.cumsum(expands) - expands
    about = (generator.random(pairs + OPEN) * there).astype(np.int64)
    decided = np.concatenate([1 + 2 * np.arange(pairs), 1 + 2 * pairs + np.arange(OPEN)])
    done = np.arange(pairs + OPEN) < pairs
    expansion, evaluation = expands & done, ~expands & done
    names, trees = write_agents(path / "code.git", np.concatenate([[-1], about[expansion]]))
    ids = pa.array(names)
    results = _results(decided, expands)
    task = pa.array(TASKS).take(generator.integers(len(TASKS), size=pairs + OPEN))
    resolved = generator.random(pairs + OPEN) < 0.4
    agent = ids.take(about)
    depth = np.zeros(agents, dtype=np.int64)
    for child, parent in enumerate(about[expansion], start=1):
        depth[child] = depth[parent] + 1
    decisions = [
        _repeat(a_decision(1, task=None), seq=decided[expands], agent=agent.filter(expands)),
        _repeat(
            a_decision(1), seq=decided[~expands], agent=agent.filter(~expands), task=task.filter(~expands)
        ),
    ]
    texts = write_texts(Blobs(path / "blobs"), TEXTS)
    said = generator.integers(TEXTS, size=evaluations)
    call = a_call(2)
    used = Usage(
        calls=1,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        cost_microusd=call.cost_microusd,
    )
    return {
        "decisions": pa.concat_tables(decisions).unify_dictionaries().combine_chunks().sort_by("seq"),
        "expansions": _repeat(
            replace(an_expansion(2, child="c"), usage=Usage()),
            id=results.filter(expansion),
            seq=decided[expansion] + 1,
            decision=decided[expansion],
            parent=agent.filter(expansion),
            started=_began(decided[expansion]),
            parent_depth=depth[about[expansion]],
            child=ids.slice(1),
        ),
        "agents": _repeat(
            an_agent(0),
            id=ids,
            seq=np.concatenate([[0], decided[expansion] + 1]),
            depth=depth,
            tree=pa.array(trees),
            parent=_first_null(agent.filter(expansion)),
            expansion=_first_null(results.filter(expansion)),
            patch_files=np.arange(agents) > 0,
        ),
        "evaluations": _repeat(
            replace(an_evaluation(2), answer=None, usage=used),
            id=results.filter(evaluation),
            seq=decided[evaluation] + 1,
            decision=decided[evaluation],
            agent=agent.filter(evaluation),
            task=task.filter(evaluation),
            outcome=_outcomes(resolved[evaluation]),
            score=resolved[evaluation].astype(np.float64),
            transcript=pa.array([text.blob for text in texts]).take(said),
            started=_began(decided[evaluation]),
            solve_s=16 * generator.random(evaluations),
        ),
        "calls": _repeat(
            call,
            rollout=results.filter(evaluation),
            seq=decided[evaluation] + 1,
            latency_s=generator.random(evaluations),
            request=pa.array([text.request for text in texts]).take(said),
            response=pa.array([text.response for text in texts]).take(said),
        ),
    }


def _results(decided: Ints, expands: NDArray[np.bool_]) -> pa.Array:
    """The id of each decision's first result."""
    kinds = ((DecisionKind.EVALUATE, DecisionKind.EXPAND)[expand] for expand in expands.tolist())
    return pa.array([job_id(RUN, seq, kind, 1) for seq, kind in zip(decided.tolist(), kinds, strict=True)])


def _began(decided: Ints) -> Ints:
    return BEGAN + PACE * (decided // 2)


def _outcomes(resolved: NDArray[np.bool_]) -> pa.Array:
    words = SCHEMAS["evaluations"].field("outcome").metadata[b"values"].decode().split(",")
    codes = np.where(resolved, words.index(Outcome.RESOLVED), words.index(Outcome.UNRESOLVED))
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(words))


def _repeat(row: Row, **columns: pa.Array | NDArray[np.generic]) -> pa.Table:
    """As many rows like `row` as the columns have, with these columns instead."""
    table, plain = encode(row)
    count = len(next(iter(columns.values())))
    data = to_arrow(table, [plain]).take(pa.array(np.zeros(count, dtype=np.int64)))
    for name, values in columns.items():
        field = SCHEMAS[table].field(name)
        data = data.set_column(data.schema.get_field_index(name), field, pa.array(values).cast(field.type))
    return data.replace_schema_metadata(SCHEMAS[table].metadata)


def _first_null(rest: pa.Array) -> pa.Array:
    return pa.concat_arrays([pa.nulls(1, pa.string()), rest])
