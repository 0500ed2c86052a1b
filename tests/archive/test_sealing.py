"""Sealing: every row in exactly one place, whatever step a crash interrupts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import archive
from archive import CorruptArchiveError, Entry, RunInfo, create_run, resume_run
from archive.log import create_segment, read_segment, segment_paths
from archive.parquet import list_parts, seal
from archive.seals import read_seal, seal_paths
from archive.testing import a_change, a_search

INFO = RunInfo(id="run", seed=1)
ENTRIES = [Entry(seq, rows) for seq, rows in enumerate(a_search(9))]


@pytest.fixture
def rolled(tmp_path: Path) -> Path:
    """A run killed between opening a new segment and sealing the old one; an earlier segment is sealed."""
    run = create_run(tmp_path / "living", INFO, segment_lines=7)
    for entry in ENTRIES[:14]:
        run.append(*entry.rows)
    counts = {"decisions": 0, "expansions": 0, "agents": 0, "evaluations": 0, "calls": 0, "changes": 0}
    for entry in ENTRIES[:14]:
        for row in entry.rows:
            counts[type(row).__name__.lower() + "s"] += 1
    shutil.copytree(run.path, tmp_path / "run")
    run.close()
    create_segment(tmp_path / "run" / "log", 14, counts, epoch=2)
    return tmp_path / "run"


def files(run: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for table in list_parts(run) for path in (run / table).glob("part-*")
    }


def states(run: Path, scratch: Path) -> Iterator[Path]:
    """What the directory looks like after each step of sealing the closed segment."""
    sealed = scratch / "sealed"
    shutil.copytree(run, sealed)
    closed = segment_paths(sealed / "log")[0]
    seal(sealed, read_segment(closed, is_open=False))
    new = [
        part.path.relative_to(sealed)
        for parts in list_parts(sealed).values()
        for part in parts
        if part.first == 7
    ]
    assert len(new) == 5
    for step in range(len(new) + 1):
        for torn in (b"", b"PAR1 torn"):
            state = scratch / f"{step}-{len(torn)}"
            shutil.copytree(run, state)
            for path in new[:step]:
                shutil.copy(sealed / path, state / path)
            if torn and step < len(new):
                (state / new[step]).with_name(f".{new[step].name}.x7.tmp").write_bytes(torn)
            yield state
    yield sealed


def test_a_crash_at_any_step_of_sealing(rolled: Path, tmp_path: Path) -> None:
    whole: dict[str, bytes] = {}
    for state in states(rolled, tmp_path):
        with archive.open(state) as reader:
            assert list(reader.entries()) == ENTRIES[:14]
            assert reader.evaluations.num_rows + reader.expansions.num_rows == 6
        with resume_run(state) as run:
            assert list(run.entries()) == ENTRIES[:14]
            assert run.next_seq == 14
            run.append(*ENTRIES[14].rows)
        assert len(segment_paths(state / "log")) == 1
        assert not list(state.rglob("*.tmp"))
        assert list(archive.open(state).entries()) == ENTRIES[:15]
        whole = whole or files(state)
        assert files(state) == whole


def test_a_crash_before_the_new_segment_has_its_name(rolled: Path) -> None:
    (rolled / "log" / "000000000014.jsonl").rename(rolled / "log" / ".000000000014.jsonl.x7.tmp")
    with resume_run(rolled, segment_lines=7) as run:
        for entry in ENTRIES[14:]:
            run.append(*entry.rows)
        assert list(run.entries()) == ENTRIES
    assert not list(rolled.rglob("*.tmp"))


def test_a_segment_is_closed_by_lines_and_by_age(tmp_path: Path) -> None:
    now = 1000.0
    run = create_run(tmp_path / "run", INFO, clock=lambda: now, segment_lines=5, segment_seconds=600)
    spans = []
    for seq in range(16):
        run.append(a_change(seq))
        now += 299 if seq > 9 else 1
        spans = [(part.first, part.last) for part in list_parts(run.path)["changes"]]
    assert spans == [(0, 4), (5, 9), (10, 12)]
    run.close()
    assert [(part.first, part.last) for part in list_parts(run.path)["changes"]] == [*spans, (13, 15)]
    assert [entry.seq for entry in archive.open(tmp_path / "run").entries()] == list(range(16))


def test_parts_are_never_written_again(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    seen: dict[str, int] = {}
    for entry in ENTRIES:
        with resume_run(tmp_path / "run", segment_lines=4) as run:
            run.append(*entry.rows)
        now = {str(p): p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("part-*.parquet")}
        assert seen.items() <= now.items()
        seen = now


def test_a_run_without_entries_seals_nothing(tmp_path: Path) -> None:
    create_run(tmp_path / "run", INFO).close()
    resume_run(tmp_path / "run").close()
    assert not list((tmp_path / "run").rglob("part-*.parquet"))
    assert [path.name for path in segment_paths(tmp_path / "run" / "log")] == ["000000000000.jsonl"]


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    with create_run(tmp_path / "run", INFO, segment_lines=6) as run:
        for entry in ENTRIES:
            run.append(*entry.rows)
    return tmp_path / "run"


@pytest.mark.parametrize(("table", "place"), list(product(["decisions", "evaluations", "calls"], [0, -1])))
def test_a_part_that_went_missing_is_noticed(sealed: Path, table: str, place: int) -> None:
    gone = list_parts(sealed)[table][place].path
    gone.unlink()
    for opener in (archive.open, resume_run):
        with pytest.raises(CorruptArchiveError, match=f"{table}/{gone.name}: the part is missing"):
            opener(sealed)


@pytest.mark.parametrize("place", [0, -1])
def test_a_seal_that_went_missing_is_noticed(sealed: Path, place: int) -> None:
    seal_paths(sealed)[place].unlink()
    with pytest.raises(CorruptArchiveError, match="no seal names this part"):
        archive.open(sealed)


def test_a_changed_seal_is_named(sealed: Path) -> None:
    path = seal_paths(sealed)[1]
    path.write_bytes(path.read_bytes().replace(b'"rows":', b'"Rows":'))
    with pytest.raises(CorruptArchiveError, match=f"{path.name}: not a seal as it was written"):
        archive.open(sealed)


def test_what_a_range_of_entries_left_whole_is_missed(sealed: Path) -> None:
    """Parts and seal of one range gone together: the log counts what it had."""
    seal = read_seal(seal_paths(sealed)[-1])
    for table in seal.parts:
        (sealed / table / f"part-{seal.first:012d}-{seal.last:012d}.parquet").unlink()
    seal_paths(sealed)[-1].unlink()
    with pytest.raises(CorruptArchiveError, match="expected entry"):
        archive.open(sealed)


def test_a_part_that_does_not_belong_is_noticed(sealed: Path) -> None:
    part = list_parts(sealed)["calls"][0].path
    shutil.copy(part, part.with_name("part-000000000900-000000000901.parquet"))
    with pytest.raises(CorruptArchiveError):
        archive.open(sealed)


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_a_truncated_part_is_named(sealed: Path, keep: int) -> None:
    part = list_parts(sealed)["evaluations"][1].path
    part.write_bytes(part.read_bytes()[:keep])
    with pytest.raises(CorruptArchiveError, match=part.name):
        archive.open(sealed)


def test_a_flipped_byte_in_a_page_is_named(sealed: Path) -> None:
    part = list_parts(sealed)["evaluations"][1].path
    whole = part.read_bytes()
    column = pq.read_metadata(part).row_group(0).column(6)
    at = column.data_page_offset + column.total_compressed_size - 2
    part.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    with pytest.raises(CorruptArchiveError, match=part.name), archive.open(sealed) as reader:
        list(reader.entries())
