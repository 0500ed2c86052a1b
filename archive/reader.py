"""A run opened for reading: its rows, its tables, and what people ask of them first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import pyarrow as pa

from . import query
from .blobs import BlobReader
from .errors import MissingPackageError, NotLocalError, NotWritableError, UnknownAgentError
from .gitstore import GitStore
from .info import RunInfo, read_info
from .lineage import Lineage
from .places import Place, place_of
from .records import ROW_TYPES, Agent, AgentId, Decision, Entry, Evaluation, Expansion, Row, Split, is_result
from .schema import from_arrow
from .snapshot import Snapshot
from .timeline import EVALUATION, EXPANSION, timeline

_NONE: Mapping[str, object] = MappingProxyType({})


def open(path: str | PathLike[str], *, storage_options: Mapping[str, object] = _NONE) -> RunReader:
    """Open a run for reading, as it is now, whether a driver is writing it or not.

    `path` is a directory, or an address that fsspec understands, such as `s3://bucket/run` (with `dgm[s3]`);
    `storage_options` are then for the file system that serves it. Of a run far away all is read but its git repository.
    """
    return RunReader(place_of(path, storage_options))


class RunReader:
    """A run as it was when this was made. Also an `Archive`, one that nobody can append to."""

    def __init__(self, path: Place) -> None:
        """For `open`."""
        self.path = path
        self.info: RunInfo = read_info(path)
        self._snapshot = Snapshot(path)
        self.blobs = BlobReader(path / "blobs")

    @cached_property
    def code(self) -> GitStore:
        """The agents' code. `NotLocalError` for a run far away."""
        return GitStore(self.directory / "code.git")

    @property
    def directory(self) -> Path:
        """The run's directory on this machine. `NotLocalError` if it is far away."""
        if isinstance(self.path, Path):
            return self.path
        raise NotLocalError(
            f"the code of agents in {self.path} is a git repository, which is read from a local directory only; "
            "copy the run here and open the copy"
        )

    @property
    def next_seq(self) -> int:
        return self._snapshot.next_seq

    def append(self, *rows: Row) -> int:
        return self.append_many([rows])[0]

    def append_many(self, entries: Sequence[Sequence[Row]]) -> Sequence[int]:
        raise NotWritableError(f"{self.path} was opened for reading; use resume_run to write")

    def entries(self, since: int = 0) -> Iterator[Entry]:
        return self._snapshot.entries(since)

    def close(self) -> None:
        if "code" in self.__dict__:
            self.code.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def decisions(self) -> pa.Table:
        return self._snapshot.table("decisions")

    @cached_property
    def expansions(self) -> pa.Table:
        return self._snapshot.table("expansions")

    @cached_property
    def agents(self) -> pa.Table:
        return self._snapshot.table("agents")

    @cached_property
    def evaluations(self) -> pa.Table:
        return self._snapshot.table("evaluations")

    @cached_property
    def calls(self) -> pa.Table:
        return self._snapshot.table("calls")

    @cached_property
    def changes(self) -> pa.Table:
        return self._snapshot.table("changes")

    def columns(self, table: str, *names: str) -> pa.Table:
        """These columns of a table in the order of entries, without reading the others; text comes as dictionaries."""
        return self._snapshot.coded(table, names)

    def pieces(self, table: str, *names: str) -> Iterator[pa.Table]:
        """The same piece by piece, for what would not fit into memory at once."""
        return self._snapshot.pieces(table, names)

    def decisions_at(self, numbers: Sequence[int]) -> list[Decision]:
        """The decisions with these numbers, in order, without reading the others."""
        return self._snapshot.decisions_at(numbers)

    def evaluations_of(self, *agents: AgentId) -> list[Evaluation]:
        """What these agents were evaluated on, in the order of entries, re-grades included."""
        return self._snapshot.evaluations_of(*agents)

    def last_results(self, count: int) -> list[Evaluation | Expansion]:
        """The last results, at most `count`, oldest first; re-grades are none."""
        span = 64
        while True:
            since = max(0, self.next_seq - span)
            rows = [row for entry in self.entries(since) for row in entry.rows]
            found = [row for row in rows if is_result(row)]
            if since == 0 or len(found) >= count:
                return found[-count:]
            span *= 4

    def sql(self, query: str) -> pa.Table:
        """What DuckDB answers to `query` over the six tables. Needs the `duckdb` package; nothing is downloaded, and a
        query reaches no file."""
        try:
            import duckdb  # here, because it is an optional package
        except ImportError as error:
            raise MissingPackageError("queries in SQL need the package duckdb; install dgm[sql]") from error
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET enable_external_access = false")
            for table in ROW_TYPES:
                if re.search(rf"\b{table}\b", query, re.IGNORECASE):
                    connection.register(table, getattr(self, table))
            return connection.sql(query).to_arrow_table()

    @cached_property
    def lineage(self) -> Lineage:
        """The tree of all agents."""
        return Lineage(row for row in from_arrow("agents", self.agents) if isinstance(row, Agent))

    def counted_evaluations(self) -> pa.Table:
        """The evaluations that are evidence: no voids, and of an evaluation and its re-grades only the
        last."""
        return query.fold_regrades(self.evaluations)

    @cached_property
    def _counted(self) -> pa.Table:
        """The same, without the columns that nobody counts."""
        return query.fold_regrades(self.columns("evaluations", *query.COUNTED))

    def leaderboard(self, split: Split = Split.SEARCH, mass: float = 0.95) -> pa.Table:
        """One row per agent, best mean first: counts on `split`, mean and central interval of Beta(1 + r, 1 +
        u)."""
        return query.leaderboard(self.lineage, self._counted, split=split, mass=mass)

    def matrix(self) -> pa.Table:
        """One row per agent and task that met: how often it was evaluated, how often that resolved it."""
        return query.matrix(self.lineage, self._counted)

    def flips(self, split: Split = Split.SEARCH) -> pa.Table:
        """One row per child: of the tasks that it and its parent both met, who passed which."""
        return query.flips(self.lineage, self._counted, split=split)

    def ancestry(self, agent: AgentId) -> pa.Table:
        """One row per agent from the seed to `agent`: how it was made, what it came to on the search split."""
        if agent not in self.lineage:
            raise UnknownAgentError(f"no agent {agent!r} in {self.path}")
        expansions = self.columns("expansions", "child", "operator", "cost_microusd")
        return query.ancestry(self.lineage, expansions, self._counted, agent)

    def clades(self, split: Split = Split.SEARCH, mass: float = 0.95) -> pa.Table:
        """One row per agent: its clade's size and pooled counts on `split`, its clade-metaproductivity with
        interval."""
        return query.clades(self.lineage, self._counted, split=split, mass=mass)

    def gains(self, split: Split = Split.SEARCH) -> pa.Table:
        """One row per try of an expansion: what it cost, and by how much its child is better than the parent."""
        return query.gains(self.columns("expansions", *query.GAINS), self._counted, split=split)

    def costs(self) -> pa.Table:
        """One row per role and model: calls, tokens, money and waiting, of void tries too. Calls of jobs without a
        result are in no row yet."""
        return query.costs(self.columns("calls", *query.COSTS))

    def timeline(self) -> pa.Table:
        """One row per try of a job: when it began and ended, beside how many others, in which lane of a chart."""
        decisions = self.columns("decisions", "seq")
        expansions = self.columns("expansions", *EXPANSION)
        return timeline(decisions, expansions, self.columns("evaluations", *EVALUATION))
