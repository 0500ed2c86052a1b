"""Is a run whole? Everything that it says is compared with everything else that it says, and every damage is named.

Three layers, each looked at as far as the one below allows: the files of log and tables (checksums, gaps), the rows
(`archive.consistency`), and what rows name (commits, blobs). Of model calls and their journals see `dgm.payments`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from .blobs import Blobs
from .consistency import RowChecks, code_problems
from .errors import CorruptArchiveError, UnknownBlobError
from .gitstore import GitStore
from .indexing import index_problems
from .info import read_info
from .log import read_segment, segment_paths
from .parquet import empty_table_problems, list_parts
from .seals import Seal, read_seal, seal_path, seal_paths
from .snapshot import Snapshot, part_of

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What `verify` found: damage in plain words, none if the run is whole, and how much it looked at."""

    problems: tuple[str, ...]
    entries: int
    agents: int
    blobs: int


def verify(path: str | Path) -> Verification:
    """Look at everything in the run at `path`, as it is now, whether a driver is writing it or not.

    Raises `ForeignDirectoryError` or `FormatVersionError` for what is not a run that we read; whatever else is wrong is
    among the problems.
    """
    run = Path(path).absolute()
    problems: list[str] = []
    info = _try(problems, read_info, run)
    snapshot = _try(problems, partial(Snapshot, indexed=False), run)
    checks = RowChecks(None if info is None else info.id)
    damaged = list(_every_file(run)) if snapshot is None else list(_wrong_checksums(run, snapshot.seals))
    problems += [problem for problem in damaged if problem not in problems]
    problems += empty_table_problems(run)
    if snapshot is not None and not damaged:
        problems += checks.look_at(snapshot)
        problems += index_problems(snapshot)
    blobs = Blobs(run / "blobs")
    digests = list(blobs)
    for digest in digests:
        _try(problems, blobs.get, digest)
    problems += checks.missing_blobs(frozenset(digests))
    problems += _code(run / "code.git", checks, blobs)
    return Verification(
        problems=tuple(problems), entries=checks.entries, agents=len(checks.agents), blobs=len(digests)
    )


def _try(problems: list[str], look: Callable[[A], T], at: A) -> T | None:
    try:
        return look(at)
    except (CorruptArchiveError, UnknownBlobError) as error:
        problems.append(str(error))
        return None


def _wrong_checksums(run: Path, seals: list[Seal]) -> Iterator[str]:
    """Parts that are not the files that were sealed."""
    for seal in seals:
        for table, sealed in seal.parts.items():
            problems: list[str] = []
            part = _try(problems, partial(part_of, run, table), seal)
            yield from problems
            if part and hashlib.sha256(part.read_bytes()).hexdigest() != sealed.sha256:
                yield f"{part}: the content does not have the checksum that it was sealed with"


def _every_file(run: Path) -> Iterator[str]:
    """Each file of log and tables by itself, where they do not fit together."""
    problems: list[str] = []
    paths = segment_paths(run / "log")
    live = set()
    for path in paths:
        segment = _try(problems, partial(read_segment, is_open=path == paths[-1]), path)
        live.add(int(path.stem) if segment is None else segment.first)
    seals = [_try(problems, read_seal, path) for path in seal_paths(run)]
    yield from problems
    yield from _wrong_checksums(run, [seal for seal in seals if seal is not None])
    for table, parts in list_parts(run).items():
        for part in parts:
            if part.first not in live and not seal_path(run, part.first, part.last).exists():
                yield f"{part.path}: no seal names this part; its seal is missing, or it is foreign ({table})"


def _code(path: Path, checks: RowChecks, blobs: Blobs) -> list[str]:
    problems: list[str] = []
    store = _try(problems, GitStore, path)
    if store is not None:
        with store:
            problems += code_problems(store, checks, blobs)
    return problems
