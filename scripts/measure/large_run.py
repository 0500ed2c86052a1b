"""A large run made from columns, as a long search leaves it, without searching."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from archive import ROW_TYPES, SCHEMAS, Outcome, Row, RunInfo, Split, create_run
from archive.codec import encode
from archive.indexing import refresh_index
from archive.log import create_segment, segment_paths
from archive.parquet import write_part
from archive.run import SEGMENT_LINES
from archive.schema import to_arrow
from archive.seals import Seal, SealedPart, write_seal
from archive.testing import a_call, a_decision, an_agent, an_evaluation, an_expansion

TASKS = tuple(f"katas/task-{n:03d}" for n in range(225))
OPEN = 64
"""Decisions at the end that have no result."""

Ints = NDArray[np.int64]


def make(path: Path, *, agents: int, evaluations: int, seed: int = 1) -> None:
    """Write a run: each decision is followed by its result, expansions come evenly between the evaluations; an
    evaluation is of any agent that is there, on any task, with one model call. Every name is random.
    """
    generator = np.random.default_rng(seed)
    create_run(path, RunInfo(id="large", seed=seed, splits={Split.SEARCH: TASKS})).close()
    tables = _tables(agents, evaluations, generator)
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


def _tables(agents: int, evaluations: int, generator: np.random.Generator) -> dict[str, pa.Table]:
    pairs = agents - 1 + evaluations
    expands = np.zeros(pairs + OPEN, dtype=bool)
    expands[np.linspace(0, pairs - 1, agents - 1).astype(np.int64)] = True
    there = 1 + np.cumsum(expands) - expands
    about = (generator.random(pairs + OPEN) * there).astype(np.int64)
    decided = np.concatenate([1 + 2 * np.arange(pairs), 1 + 2 * pairs + np.arange(OPEN)])
    done = np.arange(pairs + OPEN) < pairs
    ids, results = _names(agents, 40, generator), _names(pairs + OPEN, 32, generator)
    task = pa.array(TASKS).take(generator.integers(len(TASKS), size=pairs + OPEN))
    resolved = generator.random(pairs + OPEN) < 0.4
    expansion, evaluation = expands & done, ~expands & done
    agent = ids.take(about)
    depth = np.zeros(agents, dtype=np.int64)
    for child, parent in enumerate(about[expansion], start=1):
        depth[child] = depth[parent] + 1
    parents = {
        "parent": _first_null(agent.filter(expansion)),
        "expansion": _first_null(results.filter(expansion)),
    }
    words = {
        name: SCHEMAS["evaluations"].field("outcome").metadata[b"values"].decode().split(",").index(name)
        for name in (Outcome.RESOLVED, Outcome.UNRESOLVED)
    }
    outcome = np.where(resolved[evaluation], words[Outcome.RESOLVED], words[Outcome.UNRESOLVED])
    vocabulary = to_arrow("evaluations", [encode(an_evaluation(2))[1]])["outcome"].chunk(0).dictionary
    decisions = [
        _repeat(a_decision(1, task=None), seq=decided[expands], agent=agent.filter(expands)),
        _repeat(
            a_decision(1), seq=decided[~expands], agent=agent.filter(~expands), task=task.filter(~expands)
        ),
    ]
    return {
        "decisions": pa.concat_tables(decisions).unify_dictionaries().combine_chunks().sort_by("seq"),
        "expansions": _repeat(
            an_expansion(2, child="c"),
            id=results.filter(expansion),
            seq=decided[expansion] + 1,
            decision=decided[expansion],
            parent=agent.filter(expansion),
            child=ids.slice(1),
        ),
        "agents": _repeat(
            an_agent(0),
            id=ids,
            seq=np.concatenate([[0], decided[expansion] + 1]),
            depth=depth,
            tree=_names(agents, 40, generator),
            **parents,
        ),
        "evaluations": _repeat(
            an_evaluation(2),
            id=results.filter(evaluation),
            seq=decided[evaluation] + 1,
            decision=decided[evaluation],
            agent=agent.filter(evaluation),
            task=task.filter(evaluation),
            outcome=pa.DictionaryArray.from_arrays(pa.array(outcome, pa.int32()), vocabulary),
            score=resolved[evaluation].astype(np.float64),
            answer=_names(evaluations, 64, generator),
            transcript=_names(evaluations, 64, generator),
            solve_s=generator.random(evaluations),
        ),
        "calls": _repeat(
            a_call(2),
            rollout=results.filter(evaluation),
            seq=decided[evaluation] + 1,
            latency_s=generator.random(evaluations),
            request=_names(evaluations, 64, generator),
            response=_names(evaluations, 64, generator),
        ),
    }


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


def _names(count: int, digits: int, generator: np.random.Generator) -> pa.Array:
    """So many random names of hexadecimal digits."""
    flat = generator.bytes(count * digits // 2).hex().encode()
    offsets = np.arange(count + 1, dtype=np.int32) * digits
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(flat))
