"""One agent as plain files: a tree that runs on its own, where it comes from, and what it said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from .errors import RunExistsError, UnknownAgentError, write_failed
from .reader import RunReader
from .records import Agent, AgentId, Evaluation, Expansion
from .schema import from_arrow
from .trees import check_path

_README = """\
# Agent {id}

Made by a search of dgm (run {run}): {depth} steps from its seed, {resolved} of {evaluations} evaluations on the search
tasks resolved. Model-written code: run it in a sandbox.

- `agent/`: the whole agent. `agent/agent.toml` names its commands; they need Python, the `openai` package and the
  variables `DGM_INSTRUCTION`, `DGM_WORKSPACE`, `DGM_MODEL`, `OPENAI_BASE_URL` and `OPENAI_API_KEY`.
  `dgm run agent=<this directory>/agent` begins a new search from it.
- `lineage.json`: its ancestors, the seed first, and how each was made.
- `patches/`: what each of them changed in its parent.
- `transcripts/`: the conversations that made it (`expansion-`) and in which it was evaluated (`evaluation-`), one model
  call a line.
"""


def export_agent(run: RunReader, id: AgentId, directory: str | Path) -> Path:
    """Write agent `id` of `run` to `directory`, which must be new or empty, and return that.

    Gives `README.md`, `agent/`, `lineage.json`, `patches/` and `transcripts/`; transcripts are held in memory one at a
    time. An export that fails leaves `directory` as it was.
    """
    if id not in run.lineage:
        raise UnknownAgentError(f"no agent {id!r} in {run.path}")
    top = Path(directory)
    there = top.exists()
    if there and (not top.is_dir() or any(top.iterdir())):
        raise RunExistsError(f"{top} exists and is not empty; name a new directory")
    try:
        for path, content in _files(run, id):
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as out:
                out.write(content)
    except BaseException as error:
        _empty(top, there)
        if isinstance(error, OSError):
            raise write_failed(str(top), error) from error
        raise
    return top


def _empty(top: Path, keep: bool) -> None:
    """Remove what was written to a directory that was new or empty."""
    for path in top.iterdir() if top.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if not keep and top.is_dir():
        top.rmdir()


def _files(run: RunReader, id: AgentId) -> Iterator[tuple[str, bytes]]:
    for path, content in run.code.files(id).items():
        check_path(path)
        yield f"agent/{path}", content
    line = [run.lineage.agent(one) for one in (*reversed(run.lineage.ancestors(id)), id)]
    for agent in line[1:]:
        patch = run.code.patch(agent.parent or "", agent.id)
        yield f"patches/{agent.depth:04d}-{agent.id[:12]}.patch", patch.encode()
    made_by = _made_by(run, line)
    yield from _transcripts(run, made_by.get(id), run.evaluations_of(id))
    steps = [_step(agent, made_by.get(agent.id)) for agent in line]
    yield "lineage.json", json.dumps(steps, indent=1).encode()
    score = run.ancestry(id).to_pylist()[-1]
    text = _README.format(
        id=id,
        run=run.info.id,
        depth=line[-1].depth,
        resolved=score["resolved"],
        evaluations=score["resolved"] + score["unresolved"],
    )
    yield "README.md", text.encode()


def _made_by(run: RunReader, line: Sequence[Agent]) -> dict[AgentId, Expansion]:
    """Child -> the expansion that made it, of the agents in `line`."""
    children = pa.array([agent.id for agent in line], pa.string())
    found = run.expansions.filter(pc.is_in(run.expansions["child"], children))
    rows = from_arrow("expansions", found)
    return {row.child: row for row in rows if isinstance(row, Expansion) and row.child is not None}


def _transcripts(
    run: RunReader, made_by: Expansion | None, evaluations: Sequence[Evaluation]
) -> Iterator[tuple[str, bytes]]:
    if made_by is not None and made_by.transcript is not None:
        yield f"transcripts/expansion-{made_by.decision}.jsonl", run.blobs.get(made_by.transcript)
    for row in evaluations:
        if row.transcript is not None and row.replaces is None:
            name = f"evaluation-{row.decision}-{row.attempt}.jsonl"
            yield f"transcripts/{name}", run.blobs.get(row.transcript)


def _step(agent: Agent, made_by: Expansion | None) -> dict[str, object]:
    step: dict[str, object] = {
        "agent": agent.id,
        "parent": agent.parent,
        "context_parents": list(agent.context_parents),
        "depth": agent.depth,
        "tree": agent.tree,
        "entry": agent.seq,
    }
    if made_by is not None:
        step["expansion"] = {
            "id": made_by.id,
            "decision": made_by.decision,
            "operator": made_by.operator,
            "gates": [{"gate": verdict.gate, "passed": verdict.passed} for verdict in made_by.gates],
            "model_calls": made_by.usage.calls,
            "cost_microusd": made_by.usage.cost_microusd,
        }
    return step
