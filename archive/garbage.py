"""What a run holds that no row names: found, and removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .blobs import Blobs
from .gitstore import GitStore
from .info import read_info
from .lock import RunLock
from .records import AgentId
from .snapshot import Snapshot

_NAMED = {
    "expansions": ("brief", "transcript", "log", "patch"),
    "evaluations": ("answer", "transcript", "log"),
}
"""The columns that name blobs."""


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """Files that no row needs: blobs, git objects, refs, temporary files; `size` in bytes together."""

    blobs: tuple[Path, ...]
    objects: tuple[Path, ...]
    refs: tuple[Path, ...]
    temporary: tuple[Path, ...]
    size: int

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them, refs before the objects that they keep."""
        return (*self.refs, *self.objects, *self.blobs, *self.temporary)


def collect_garbage(path: str | Path, *, dry_run: bool = False) -> Garbage:
    """Remove what the run at `path` does not need, or only say what that is.

    Holds the run's lock, since a driver writes blobs and commits before the line that names them: `RunLockedError`
    while one is at work. A run that is damaged is refused.
    """
    run = Path(path).absolute()
    read_info(run)
    lock = RunLock(run / "lock")
    try:
        garbage = _find(run)
        if not dry_run:
            for file in garbage.files:
                file.unlink(missing_ok=True)
    finally:
        lock.close()
    return garbage


def _find(run: Path) -> Garbage:
    snapshot = Snapshot(run)
    agents = frozenset(snapshot.table("agents", ["id"])["id"].to_pylist())
    blobs = tuple(_unnamed_blobs(run / "blobs", snapshot))
    objects, refs = _unreachable(run / "code.git", agents)
    temporary = tuple(sorted(run.rglob(".*.tmp")))
    files = (*blobs, *objects, *refs, *temporary)
    return Garbage(
        blobs=blobs,
        objects=objects,
        refs=refs,
        temporary=temporary,
        size=sum(file.stat().st_size for file in files),
    )


def _unnamed_blobs(directory: Path, snapshot: Snapshot) -> Iterator[Path]:
    named: set[str] = set()
    for table, columns in _NAMED.items():
        data = snapshot.table(table, columns)
        for column in columns:
            named.update(digest for digest in data[column].to_pylist() if digest is not None)
    blobs = Blobs(directory)
    return (blobs.path(digest) for digest in blobs if digest not in named)


def _unreachable(path: Path, agents: frozenset[AgentId]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Loose objects and refs that no agent of the run needs."""
    with GitStore(path) as store:
        needed = store.reachable(agents)
    objects = [
        file
        for folder in sorted((path / "objects").glob("[0-9a-f][0-9a-f]"))
        for file in sorted(folder.iterdir())
        if folder.name + file.name not in needed and not file.name.endswith(".tmp")
    ]
    refs = [
        Path(file)
        for file in sorted(os.scandir(path / "refs" / "agents"), key=lambda entry: entry.name)
        if file.name not in agents and not file.name.endswith(".tmp")
    ]
    return tuple(objects), tuple(refs)
