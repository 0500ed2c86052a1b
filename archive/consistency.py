"""Do the rows of a run agree with each other, and with the commits and blobs that they name?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .blobs import Blobs
from .errors import ArchiveError, CorruptArchiveError, EntryError, UnknownBlobError
from .gitstore import GitStore
from .ledger import Ledger
from .records import Agent, AgentId, Decision, Entry, Evaluation, Expansion, Row, Split, job_id
from .snapshot import Snapshot

REGRADE = "regrade"
"""The kind in the names of re-grades, beside those of decisions."""


class RowChecks:
    """What was found in the rows: problems, and what they name elsewhere. `run` is the run's id, None if unknown."""

    def __init__(self, run: str | None) -> None:
        self.entries = 0
        self.agents: dict[AgentId, Agent] = {}
        self.patches: dict[AgentId, str | None] = {}
        self._run = run
        self._blobs: dict[str, str] = {}
        self._ledger = Ledger()
        self._decided: dict[int, tuple[Split | None, int]] = {}
        self._depths: dict[AgentId, int] = {}
        self._patched: dict[AgentId, int] = {}

    def look_at(self, snapshot: Snapshot) -> Iterator[str]:
        """Everything that is wrong with the rows of `snapshot`."""
        try:
            for entry in snapshot.entries():
                self.entries += 1
                yield from (f"entry {entry.seq}: {problem}" for problem in self._entry(entry))
        except CorruptArchiveError as error:
            yield str(error)
            return
        for table, expected in snapshot.row_counts().items():
            found = self._ledger.rows_by_table[table]
            if found != expected:
                yield f"{table}: the log counted {expected} rows, there are {found}"

    def missing_blobs(self, there: frozenset[str]) -> Iterator[str]:
        """Blobs that rows name and that are not there."""
        for digest, name in self._blobs.items():
            if digest not in there:
                yield f"blob {digest}, which {name} names, is missing"

    def _entry(self, entry: Entry) -> Iterator[str]:
        rows = entry.rows
        try:
            self._ledger.check(rows)
        except EntryError as error:
            yield str(error)
        self._ledger.record(rows)
        results = [row for row in rows if isinstance(row, Evaluation | Expansion)]
        if len(results) > 1:
            yield f"{len(results)} results in one entry"
        for row in rows:
            yield from self._row(row, results)

    def _row(self, row: Row, results: Sequence[Evaluation | Expansion]) -> Iterator[str]:
        match row:
            case Decision():
                self._decided[row.seq] = (row.split, row.repeat)
            case Agent():
                self.agents[row.id] = row
                self._depths[row.id] = row.depth
                self._patched[row.id] = row.patch_bytes + self._patched.get(row.parent or "", 0)
                yield from self._agent(row, results)
            case Expansion():
                self._name_blobs(row.id, row.brief, row.transcript, row.log, row.patch)
                yield from self._id(row, "expand")
                if row.child is not None:
                    self.patches[row.child] = row.patch
                if row.parent_depth != self._depths.get(row.parent, row.parent_depth):
                    yield f"expansion {row.id} gives its parent the depth {row.parent_depth}, which it does not have"
                size = row.parent_patch_bytes
                if size is not None and size != self._patched.get(row.parent, size):
                    yield (
                        f"expansion {row.id} gives its parent {size} bytes of patches since the seed, "
                        f"there are {self._patched[row.parent]}"
                    )
            case Evaluation():
                self._name_blobs(row.id, row.answer, row.transcript, row.log)
                yield from self._id(row, "evaluate" if row.replaces is None else REGRADE)
                decided = self._decided.get(row.decision)
                if decided is not None and decided != (row.split, row.repeat):
                    yield f"evaluation {row.id} has split and repeat {(row.split, row.repeat)}, decided was {decided}"

    def _agent(self, agent: Agent, results: Sequence[Evaluation | Expansion]) -> Iterator[str]:
        if agent.parent is None:
            return
        makers = [row for row in results if isinstance(row, Expansion) and row.child == agent.id]
        if [row.id for row in makers] != [agent.expansion] or makers[0].parent != agent.parent:
            yield f"agent {agent.id} is not what the expansion of this entry says that it made"

    def _id(self, row: Evaluation | Expansion, kind: str) -> Iterator[str]:
        if self._run is None:
            return
        expected = job_id(self._run, row.decision, kind, row.attempt)
        if row.id != expected:
            yield (
                f"result {row.id} must be named {expected} by decision {row.decision}, {kind} and try {row.attempt}"
            )

    def _name_blobs(self, row: str, *digests: str | None) -> None:
        for digest in digests:
            if digest is not None:
                self._blobs.setdefault(digest, f"result {row}")


def code_problems(code: GitStore, checks: RowChecks, blobs: Blobs) -> Iterator[str]:
    """What is wrong with the commits of the agents: refs, parents, trees, every object below them, sizes of patches."""
    refs = frozenset(code.agents())
    for id, agent in checks.agents.items():
        if id not in refs:
            yield f"agent {id} has no ref: refs/agents/{id} is missing in {code.path}"
        try:
            yield from _commit_problems(code, agent)
        except ArchiveError as error:
            yield f"agent {id}: {error}"
    for id in code.wrong_refs():
        yield f"refs/agents/{id} in {code.path} does not name the commit {id}; it was cut short or changed"
    for id in sorted(refs - checks.agents.keys()):
        try:
            code.files(id)
        except ArchiveError as error:
            yield f"commit {id}: {error}"
    for id, patch in checks.patches.items():
        yield from _patch_problems(checks.agents.get(id), patch, blobs)


def _commit_problems(code: GitStore, agent: Agent) -> Iterator[str]:
    tree, parents = code.commit_of(agent.id)
    named = (() if agent.parent is None else (agent.parent,)) + agent.context_parents
    if parents != named:
        yield f"agent {agent.id} has the parents {named} in its row and {parents} in its commit"
    if tree != agent.tree:
        yield f"agent {agent.id} has the tree {agent.tree} in its row and {tree} in its commit"
    files = code.files_of(tree)
    before = {} if agent.parent is None else code.files_of(code.commit_of(agent.parent)[0])
    differ = sum(before.get(path) != files.get(path) for path in {*before, *files})
    if agent.parent is not None and differ != agent.patch_files:
        yield f"agent {agent.id} differs from its parent in {differ} files, its row says {agent.patch_files}"


def _patch_problems(agent: Agent | None, patch: str | None, blobs: Blobs) -> Iterator[str]:
    if agent is None:
        return
    try:
        size = 0 if patch is None else len(blobs.get(patch))
    except (UnknownBlobError, CorruptArchiveError):
        return  # told where the blobs are looked at
    if size != agent.patch_bytes:
        yield f"agent {agent.id} has a patch of {size} bytes, its row says {agent.patch_bytes}"
