"""Three places to put the same results: our archive, SQLite and Delta Lake."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from archive import SCHEMAS, Decision, Row, Run, RunInfo, Split, create_run
from archive.codec import PlainRow, encode
from archive.schema import to_arrow
from scripts.measure.report import CannotMeasureError
from scripts.measure.rows import a_decision, a_seed, an_evaluation, task_id, the_calls

TABLES = ("evaluations", "calls")

Result = tuple[Row, ...]
"""An evaluation and its calls."""


class Store(Protocol):
    """Takes results; what `put` took is durable when it returns, where the store can do that."""

    def put(self, results: Sequence[Result]) -> None: ...

    def close(self) -> None: ...


class OurArchive:
    """A run with `count` decisions open, so that as many results can follow."""

    def __init__(self, directory: Path, count: int) -> None:
        self._run: Run = create_run(
            directory, RunInfo(id="perf", seed=0, splits={Split.SEARCH: (task_id(0),)})
        )
        seed = a_seed()
        self._run.append(seed)
        self._decisions = [a_decision(seq, seed.id, task_id(0)) for seq in range(1, count + 1)]
        self._run.append_many([[decision] for decision in self._decisions])

    def results(self, first: int, count: int) -> list[Result]:
        """The next results, from the `first` on, as the run will number them."""
        return [
            a_result(self._run.next_seq + n, decision)
            for n, decision in enumerate(self._decisions[first : first + count])
        ]

    def put(self, results: Sequence[Result]) -> None:
        self._run.append_many(results)

    def close(self) -> None:
        self._run.close()


class Sqlite:
    """WAL, synchronous=FULL; a table has a column for each of ours, nested ones as JSON text."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._insert = {}
        for table in TABLES:
            names = SCHEMAS[table].names
            key = "id" if table == "evaluations" else "rollout, n"
            columns = ", ".join(f'"{name}"' for name in names)
            self._connection.execute(f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({key}))")
            self._insert[table] = f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})"

    def put(self, results: Sequence[Result]) -> None:
        self._connection.execute("BEGIN")
        for table, rows in plain_rows(results).items():
            self._connection.executemany(self._insert[table], [_cells(table, row) for row in rows])
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


class DeltaLake:
    """One table for evaluations, one for calls. It never waits for the disk, and a result over both is not one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            from deltalake import write_deltalake  # here, because it is an optional package
        except ImportError as error:
            raise CannotMeasureError("needs the package deltalake; install dgm[delta]") from error
        self._append = partial(write_deltalake, mode="append")

    def put(self, results: Sequence[Result]) -> None:
        for table, rows in plain_rows(results).items():
            self._append(self._directory / table, to_arrow(table, rows))

    def close(self) -> None:
        return None


class Bare:
    """Nothing but the bytes of the log and one wait for the disk: what no store can be faster than."""

    def __init__(self, file: Path) -> None:
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def write(self, content: bytes) -> None:
        os.write(self._fd, content)
        os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def a_result(seq: int, decision: Decision) -> Result:
    evaluation = an_evaluation(seq, decision)
    return (evaluation, *the_calls(evaluation))


def plain_rows(results: Sequence[Result]) -> dict[str, list[PlainRow]]:
    """The rows of `results` by table, as every store is given them."""
    found: dict[str, list[PlainRow]] = {table: [] for table in TABLES}
    for result in results:
        for row in result:
            table, plain = encode(row)
            found[table].append(plain)
    return found


def _cells(table: str, row: PlainRow) -> list[object]:
    usage = row.get("usage")
    flat = {**row, **(usage if isinstance(usage, dict) else {})}
    values = [flat[name] for name in SCHEMAS[table].names]
    return [json.dumps(value) if isinstance(value, list | dict) else value for value in values]
