"""The tables of a run as Delta Lake tables: for tools that want those. Only an export: see docs/decisions/0001."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from .errors import MissingPackageError, RunExistsError
from .reader import RunReader
from .records import ROW_TYPES


def export_delta(run: RunReader, directory: str | Path) -> Path:
    """Write each table of `run` to a Delta table below `directory`, which must be new or empty, and return that.

    Words become plain text: Delta has no dictionaries. Needs the `deltalake` package.
    """
    try:
        from deltalake import write_deltalake  # here, because it is an optional package
    except ImportError as error:
        raise MissingPackageError(
            "exporting to Delta needs the package deltalake; install dgm[delta]"
        ) from error
    top = Path(directory)
    if top.exists() and (not top.is_dir() or any(top.iterdir())):
        raise RunExistsError(f"{top} exists and is not empty; name a new directory")
    for table in ROW_TYPES:
        data: pa.Table = getattr(run, table)
        write_deltalake(
            str(top / table), data.cast(_plain(data.schema)), description=f"{table} of run {run.info.id}"
        )
    return top


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [
            pa.field(
                field.name,
                field.type.value_type if pa.types.is_dictionary(field.type) else field.type,
                nullable=field.nullable,
                metadata=field.metadata,
            )
            for field in schema
        ]
    )
