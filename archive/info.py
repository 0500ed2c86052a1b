"""`run.json`: what was fixed when a run was created."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .codec import Plain, to_json
from .disk import write_durably
from .errors import CorruptArchiveError, ForeignDirectoryError, FormatVersionError
from .log import FORMAT_VERSION, READABLE
from .places import Place
from .records import Json, Split, TaskId

_FORMAT = "dgm archive"


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a run is. `id` is the hash of the resolved config without paths, budget and workers.

    `config` is the resolved configuration, `packages` package name -> version, `splits` the frozen tasks of
    each split. `forked_at` says of a fork with which entry it begins to differ from the run that it was made from,
    `seed_tree` which tree (its git hash) the run's first agent has; empty where nobody wrote it down.
    """

    id: str
    seed: int
    config: Json = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[Split, tuple[TaskId, ...]] = field(default_factory=dict)
    forked_at: int | None = None
    seed_tree: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a run needs an id, got ''")
        tasks = [task for split in self.splits.values() for task in split]
        if len(set(tasks)) != len(tasks):
            twice = sorted({task for task in tasks if tasks.count(task) > 1})
            raise ValueError(f"a task must be in one split only and once, got twice: {', '.join(twice)}")


def write_info(run: Path, info: RunInfo) -> None:
    """Write `run.json`, durable when this returns."""
    content: dict[str, Any] = {
        "format": _FORMAT,
        "format_version": FORMAT_VERSION,
        "id": info.id,
        "seed": info.seed,
        "config": dict(info.config),
        "packages": dict(info.packages),
        "splits": {str(split): list(tasks) for split, tasks in info.splits.items()},
    }
    if info.seed_tree:
        content["seed_tree"] = info.seed_tree
    if info.forked_at is not None:
        content["forked_at"] = info.forked_at
    _write(run, content)


def set_version(run: Path, version: int) -> None:
    """Say in `run.json` that the run is of another format version now, durably."""
    _write(run, _read(run) | {"format_version": version})


def read_version(run: Path) -> int:
    """The format version of a run."""
    return int(_read(run)["format_version"])


def read_info(run: Place) -> RunInfo:
    """What `run.json` says, after making sure that the directory is a run of a format version that we read."""
    content = _read(run)
    return RunInfo(
        id=content["id"],
        seed=content["seed"],
        config=content["config"],
        packages=content["packages"],
        splits={Split(split): tuple(tasks) for split, tasks in content["splits"].items()},
        forked_at=content.get("forked_at"),
        seed_tree=content.get("seed_tree", ""),
    )


def _read(run: Place) -> dict[str, Any]:
    path = run / "run.json"
    if not run.is_dir():
        raise ForeignDirectoryError(f"{run} is not there; name the directory of a run")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ForeignDirectoryError(f"{run} is not a run: it has no run.json") from None
    except UnicodeDecodeError as error:
        raise CorruptArchiveError(f"not UTF-8 ({error})", path=path) from error
    try:
        content = json.loads(text)
    except ValueError as error:
        raise CorruptArchiveError(f"not JSON ({error}); restore it from a copy", path=path) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ForeignDirectoryError(f"{run} is not a run: its run.json does not say format {_FORMAT!r}")
    version = content.get("format_version")
    if version not in READABLE:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        raise FormatVersionError(
            f"{run} has format version {version}, this release reads 1 to {FORMAT_VERSION}; "
            + ("use the release that wrote it, or a newer one" if newer else "no release ever wrote that")
        )
    if content.pop("sha256", None) != _checksum(content):
        raise CorruptArchiveError(
            "the content does not have its checksum; it was changed after creation", path=path
        )
    return content


def _write(run: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content | {"sha256": _checksum(content)}, indent=1, ensure_ascii=False, allow_nan=False)
    write_durably(run / "run.json", f"{text}\n".encode())


def _checksum(content: Plain) -> str:
    return hashlib.sha256(to_json(content).encode()).hexdigest()
