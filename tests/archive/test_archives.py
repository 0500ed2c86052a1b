"""Every archive keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import Archive, Entry, MemoryArchive, Row, Run, RunInfo, create_run, resume_run
from archive import open as open_reader
from archive.testing import ArchiveContract


class TestMemoryArchive(ArchiveContract):
    @pytest.fixture
    def archive(self) -> Archive:
        return MemoryArchive()


class TestRun(ArchiveContract):
    """Everything is in the log."""

    segment_lines = 4096

    @pytest.fixture
    def archive(self, tmp_path: Path) -> Iterator[Archive]:
        run = create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=self.segment_lines)
        self.runs = [run]
        yield run
        for run in self.runs:
            run.close()

    def reopen(self, archive: Archive) -> Archive:
        assert isinstance(archive, Run)
        archive.close()
        self.runs.append(resume_run(archive.path, segment_lines=self.segment_lines))
        return self.runs[-1]


class TestRunThatSeals(TestRun):
    """Most of it is in Parquet parts."""

    segment_lines = 3


class TestReader(TestRun):
    """What is appended through the driver is read through a reader."""

    segment_lines = 5

    def fill(self, archive: Archive, *entries: tuple[Row, ...]) -> list[Entry]:
        written = super().fill(archive, *entries)
        assert isinstance(archive, Run)
        with open_reader(archive.path) as reader:
            assert list(reader.entries())[-len(written) :] == written
        return written
