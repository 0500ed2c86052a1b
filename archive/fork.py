"""A new run that begins as another one was before some entry."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from . import reader
from .disk import make_directory, sync_directory
from .errors import EntryError, RunExistsError, write_failed
from .info import RunInfo
from .records import Agent, Entry
from .run import Run, create_run, remove_leftovers

_TOGETHER = 512
"""Entries that are appended with one wait for the disk."""


def fork_run(path: str | Path, new: str | Path, *, at: int) -> RunInfo:
    """Make a run at `new` that holds the entries of the run at `path` before number `at`, and give what it is.

    Blobs and agents' code are shared by hard links, or copied to another file system. The fork has the id of its run,
    since every row in it is named by that, so the same configuration goes on with it; journals of model calls come
    along up to that entry. The run at `path` may be in use. A crash leaves nothing at `new`.
    """
    new = Path(new).absolute()
    if new.exists():
        raise RunExistsError(f"{new} exists; choose another name for the fork")
    if new.resolve().is_relative_to(Path(path).resolve()):
        raise RunExistsError(
            f"{new} is inside the run that it would be a fork of; choose a place beside {path}"
        )
    make_directory(new.parent)
    remove_leftovers(new, ".{name}.*.fork", "..{name}.*.fork.*.new")
    place = new.with_name(f".{new.name}.{secrets.token_hex(4)}.fork")
    try:
        with reader.open(path) as source:
            if not 0 < at <= source.next_seq:
                raise EntryError(f"a fork begins at an entry from 1 to {source.next_seq}, got {at}")
            info = replace(source.info, forked_at=at)
            with create_run(place, info) as run:
                _fill(run, source, at)
        place.rename(new)
        sync_directory(new.parent)
    except OSError as error:
        raise write_failed(str(new), error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return info


def _fill(run: Run, source: reader.RunReader, at: int) -> None:
    _share(source.directory / "blobs", run.path / "blobs")
    _share(source.directory / "code.git" / "objects", run.path / "code.git" / "objects")
    if (source.directory / "journal").is_dir():
        _copy_journals(source.directory / "journal", run.path / "journal", at)
    entries = islice(source.entries(), at)
    while together := list(islice(entries, _TOGETHER)):
        for agent in _agents(together):
            run.code.keep(agent.id)
        run.append_many([entry.rows for entry in together])


def _agents(entries: list[Entry]) -> Iterator[Agent]:
    return (row for entry in entries for row in entry.rows if isinstance(row, Agent))


def _share(source: Path, target: Path) -> None:
    """Have the files of `source` in `target`, durably; what is being written there is left out."""
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name != "tmp"]
        here = target / Path(folder).relative_to(source)
        make_directory(here)
        for name in names:
            if not name.endswith(".tmp"):
                _link(Path(folder) / name, here / name)
        sync_directory(here)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
        with target.open("rb") as copied:
            os.fsync(copied.fileno())


def _copy_journals(source: Path, target: Path, at: int) -> None:
    """Copied, not shared: whoever goes on appends to them."""
    make_directory(target)
    for path in sorted(source.glob("*.jsonl")):
        if path.stem.isdigit() and int(path.stem) < at:
            shutil.copyfile(path, target / path.name)
            with (target / path.name).open("rb") as copied:
                os.fsync(copied.fileno())
    sync_directory(target)
