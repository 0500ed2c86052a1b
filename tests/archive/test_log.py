"""The write-ahead log: what a crash may leave, and what it may not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import archive
from archive import (
    CorruptArchiveError,
    NotWritableError,
    RunInfo,
    create_run,
    resume_run,
)
from archive.log import SegmentWriter, create_segment, encode_line, read_segment
from archive.testing import a_change, a_search


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with seven entries, all in the log, as a killed driver leaves it."""
    living = create_run(tmp_path / "living", RunInfo(id="run", seed=1))
    for rows in a_search(3):
        living.append(*rows)
    shutil.copytree(tmp_path / "living", tmp_path / "run")
    living.close()
    return tmp_path / "run"


def segment(run: Path) -> Path:
    (path,) = (run / "log").glob("*.jsonl")
    return path


def lines_of(segment: bytes) -> list[bytes]:
    """What stands after the header, which each driver writes anew."""
    return segment.splitlines(keepends=True)[1:]


def lines(path: Path) -> list[bytes]:
    return lines_of(path.read_bytes())


def test_a_torn_last_line_is_ignored_by_readers_and_cut_off_by_the_writer(run: Path) -> None:
    path = segment(run)
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    entries = list(archive.open(run).entries())
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert list(archive.open(run).entries()) == entries[:-1]
    for end in {last, last + 1, (last + len(whole)) // 2, len(whole) - 1}:
        path.write_bytes(whole[:end])
        with resume_run(run) as again:
            assert lines(path) == lines_of(whole[:last])
            assert again.append(*entries[-1].rows) == entries[-1].seq
            assert lines(path) == lines_of(whole)
            assert list(again.entries()) == entries
            shutil.copytree(run, run.with_name(f"at{end}"))
        shutil.rmtree(run)
        shutil.copytree(run.with_name(f"at{end}"), run)


def test_zeroed_sectors_at_the_end_are_a_torn_line(run: Path) -> None:
    path = segment(run)
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    entries = list(archive.open(run).entries())
    line = whole[last:]
    assert len(line) > 700
    rest_of_a_sector = bytes(60) + line[60:]  # the block that the line before ends in was not written again
    for torn in (bytes(4096), line[:100] + bytes(600), line[:50] + bytes(512) + line[562:], rest_of_a_sector):
        path.write_bytes(whole[:last] + torn)
        assert list(archive.open(run).entries()) == entries[:-1]


def test_a_flipped_bit_anywhere_is_named_with_file_and_line(run: Path) -> None:
    path = segment(run)
    whole = path.read_bytes()
    for at in [*range(0, len(whole), 101), *(i for i, byte in enumerate(whole) if byte == ord("\n"))]:
        changed = bytearray(whole)
        changed[at] ^= 0x04
        path.write_bytes(changed)
        with pytest.raises(CorruptArchiveError) as caught:
            archive.open(run)
        assert caught.value.path == str(path)
        assert caught.value.line == whole.count(b"\n", 0, at) + 1
        assert f"{path}, line {caught.value.line}: " in str(caught.value)
        with pytest.raises(CorruptArchiveError):
            resume_run(run)
        assert path.read_bytes() == changed


def test_a_line_that_went_missing_is_named(run: Path) -> None:
    path = segment(run)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3] + lines[4:]))
    with pytest.raises(CorruptArchiveError, match=r"line 4: expected entry 2, found 3"):
        archive.open(run)


def test_an_emptied_segment_is_no_empty_log(run: Path) -> None:
    segment(run).write_bytes(b"")
    with pytest.raises(CorruptArchiveError, match="no header; it was emptied"):
        archive.open(run)


def test_a_missing_log_is_named(run: Path) -> None:
    segment(run).unlink()
    with pytest.raises(CorruptArchiveError, match="must always be one"):
        archive.open(run)


def test_a_segment_under_another_name_is_named(run: Path) -> None:
    path = segment(run)
    path.rename(path.with_name("000000000005.jsonl"))
    with pytest.raises(CorruptArchiveError, match="unlike the file"):
        archive.open(run)


def test_a_closed_segment_has_no_torn_end(tmp_path: Path) -> None:
    path = create_segment(tmp_path, 0, {}, epoch=1)
    path.write_bytes(path.read_bytes() + b"torn")
    assert read_segment(path, is_open=True).entries == []
    with pytest.raises(CorruptArchiveError, match=r"line 2|torn"):
        read_segment(path, is_open=False)


def test_a_log_that_somebody_else_changed_is_left_alone(tmp_path: Path) -> None:
    path = create_segment(tmp_path, 0, {}, epoch=1)
    writer = SegmentWriter(path)
    writer.append(encode_line({"seq": 0, "rows": {}}))
    with path.open("ab") as other:
        other.write(b"from a driver that took over\n")
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(NotWritableError, match="not as this driver left it"):
            writer.append(encode_line({"seq": 1, "rows": {}}))
    assert path.read_bytes() == before
    writer.close()


def test_a_segment_that_was_deleted_takes_nothing(tmp_path: Path) -> None:
    path = create_segment(tmp_path, 0, {}, epoch=1)
    writer = SegmentWriter(path)
    path.unlink()
    with pytest.raises(NotWritableError, match="not as this driver left it"):
        writer.append(b"{}\n")
    writer.close()


def test_readers_follow_a_run_that_is_written(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1), segment_lines=4) as run:
        for number in range(20):
            with archive.open(run.path) as reader:
                assert reader.next_seq == number
                assert [entry.seq for entry in reader.entries()] == list(range(number))
            run.append(a_change(number))


@pytest.mark.parametrize("first", [3, 40, 100])
def test_what_a_driver_that_lost_the_run_left_is_passed_over_and_removed(tmp_path: Path, first: int) -> None:
    create_run(tmp_path / "run", RunInfo(id="run", seed=1)).close()
    with resume_run(tmp_path / "run", segment_lines=9) as run:
        for seq in range(40):
            run.append(a_change(seq))
        lost = run.path / "log" / f"{first:012d}.jsonl"
        lost.write_bytes(encode_line({"format_version": 1, "first": first, "epoch": 1, "sealed": {}}))
        assert [entry.seq for entry in archive.open(run.path).entries()] == list(range(40))
        for seq in range(40, 60):
            run.append(a_change(seq))
        assert [entry.seq for entry in archive.open(run.path).entries()] == list(range(60))
    with resume_run(run.path):
        assert not lost.exists()
