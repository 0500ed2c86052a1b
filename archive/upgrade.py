"""Bringing a run of an earlier format version to ours.

Version 1 had no seals: how many rows the parts hold stood in the log alone, and nothing told a changed part from a
whole one. The upgrade seals the parts as they are. Version 2 lacked columns, which are read as their defaults.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from .disk import make_directory
from .info import read_version, set_version
from .log import FORMAT_VERSION, read_segments
from .parquet import Part, count_rows, list_parts
from .seals import Seal, seal_path, sealed_part, write_seal


def upgrade(run: Path) -> None:
    """Make `run` one of our version; only for who holds its lock. Killed anywhere, it is done again."""
    if read_version(run) == FORMAT_VERSION:
        return
    make_directory(run / "seals")
    live = {segment.first for segment in read_segments(run / "log")}
    ranges: dict[tuple[int, int], dict[str, Part]] = defaultdict(dict)
    for table, parts in list_parts(run).items():
        for part in parts:
            if part.first not in live:
                ranges[part.first, part.last][table] = part
    for (first, last), found in sorted(ranges.items()):
        if not seal_path(run, first, last).exists():
            sealed = {table: sealed_part(part.path, count_rows(part)) for table, part in found.items()}
            write_seal(run, Seal(first=first, last=last, parts=sealed))
    set_version(run, FORMAT_VERSION)
