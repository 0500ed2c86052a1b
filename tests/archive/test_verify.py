"""A whole run has no problems; each damage is named in plain words, and opening a damaged run never drops rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import (
    ArchiveError,
    CorruptArchiveError,
    Entry,
    Row,
    create_run,
    resume_run,
    verify,
)
from archive.log import encode_line, segment_paths
from archive.parquet import list_parts
from archive.seals import seal_paths
from dgm.cli import main
from tests.dgm.scripted import Driver, Script

LINES = 60


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that ended."""
    driver = Driver(tmp_path_factory.mktemp("searched") / "run", work=Script(void=0.1), evaluations=40)
    driver.search()
    return driver.path


def entries(path: Path) -> list[Entry]:
    with archive.open(path) as run:
        return list(run.entries())


def rebuilt(searched: Path, path: Path, rows: list[tuple[Row, ...]], keep: Path) -> Path:
    """A run of these entries with the code and blobs of `searched`, as its killed driver left it in `keep`."""
    with archive.open(searched) as reader, create_run(path, reader.info, segment_lines=LINES) as run:
        for store in ("blobs", "code.git"):
            shutil.rmtree(path / store)
            shutil.copytree(searched / store, path / store)
        for entry in rows:
            run.append(*entry)
        shutil.copytree(path, keep)
    return keep


@pytest.fixture(scope="module")
def unsealed(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with one part per table sealed and the rest in the log."""
    place = tmp_path_factory.mktemp("unsealed")
    return rebuilt(
        searched, place / "living", [entry.rows for entry in entries(searched)[:115]], place / "run"
    )


@pytest.fixture
def run(unsealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(unsealed, tmp_path / "run"))


def test_a_search_that_ended_is_whole(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = verify(searched)
    assert found.problems == ()
    assert found.entries == len(entries(searched)) > 100
    assert found.agents > 5
    assert found.blobs > 30
    assert main(["verify", str(searched)]) == 0
    assert capsys.readouterr().out.endswith("; no problems\n")


def test_a_run_that_is_being_written_is_whole_at_every_moment(searched: Path, tmp_path: Path) -> None:
    with archive.open(searched) as reader, create_run(tmp_path / "run", reader.info, segment_lines=20) as run:
        for store in ("blobs", "code.git"):
            shutil.rmtree(run.path / store)
            shutil.copytree(searched / store, run.path / store)
        for entry in entries(searched)[:50]:
            run.append(*entry.rows)
            if entry.seq % 7 == 0:
                assert verify(run.path).problems == ()


def cut(path: Path, keep: int = -1) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def part(run: Path, table: str = "evaluations") -> Path:
    return list_parts(run)[table][0].path


def segment(run: Path) -> Path:
    return segment_paths(run / "log")[-1]


def blob(run: Path) -> Path:
    with archive.open(run) as reader:
        digest = next(d for d in reader.evaluations["answer"].to_pylist() if d)
    return run / "blobs" / digest[:2] / f"{digest}.zst"


def commit(run: Path) -> Path:
    with archive.open(run) as reader:
        id = reader.agents["id"].to_pylist()[-1]
    return run / "code.git" / "objects" / id[:2] / id[2:]


def tree(run: Path) -> Path:
    with archive.open(run) as reader:
        id = reader.agents["tree"].to_pylist()[-1]
    return run / "code.git" / "objects" / id[:2] / id[2:]


def ref(run: Path) -> Path:
    return sorted((run / "code.git" / "refs" / "agents").iterdir())[0]


def empty_table(run: Path) -> Path:
    return run / "changes" / "schema.parquet"


Damage = Callable[[Path], Path]
"""Does it to a run and gives the file that must be named."""


def damaged(path: Callable[[Path], Path], how: Callable[[Path], object]) -> Damage:
    def damage(run: Path) -> Path:
        file = path(run)
        how(file)
        return file

    return damage


def a_missing_part_and_its_seal(run: Path) -> Path:
    for parts in list_parts(run).values():
        for found in parts:
            found.path.unlink()
    seal_paths(run)[0].unlink()
    return run


CLOSED: dict[str, tuple[Damage, str]] = {
    "a truncated part": (damaged(part, cut), "it was cut short or changed"),
    "an emptied part": (damaged(part, lambda path: cut(path, 0)), "the part has 0 bytes"),
    "a missing part": (damaged(part, Path.unlink), "the part is missing"),
    "a missing seal": (damaged(lambda run: seal_paths(run)[0], Path.unlink), "seal"),
    "a changed seal": (damaged(lambda run: seal_paths(run)[0], lambda path: flip(path, 30)), "not a seal"),
    "a whole range missing": (a_missing_part_and_its_seal, "expected entry 0 next, found entries from 60"),
    "a torn line inside": (
        damaged(segment, lambda path: flip(path, path.stat().st_size // 2)),
        "does not have the checksum",
    ),
    "an emptied segment": (damaged(segment, lambda path: cut(path, 0)), "it was emptied or cut short"),
    "a missing log": (damaged(segment, Path.unlink), "the log has no segment"),
    "an altered run.json": (
        damaged(
            lambda run: run / "run.json", lambda p: p.write_text(p.read_text().replace("made_up", "made_ub"))
        ),
        "it was changed after creation",
    ),
}
"""What keeps a run from being opened."""

OPEN: dict[str, tuple[Damage, str]] = {
    "a flipped byte in a part": (
        damaged(part, lambda path: flip(path, 200)),
        "checksum that it was sealed with",
    ),
    "a flipped byte in a footer": (
        damaged(part, lambda path: flip(path, -60)),
        "checksum that it was sealed with",
    ),
    "a flipped byte in a blob": (damaged(blob, lambda path: flip(path, -3)), ""),
    "a missing blob": (damaged(blob, Path.unlink), "is missing"),
    "a missing commit": (damaged(commit, Path.unlink), "cannot be read"),
    "a missing tree": (damaged(tree, Path.unlink), "cannot be read"),
    "a corrupt git object": (damaged(tree, lambda path: flip(path, -8)), "git object"),
    "a blob with more behind it": (
        damaged(blob, lambda path: path.write_bytes(path.read_bytes() + b"more")),
        "not a whole zstd frame",
    ),
    "an emptied ref": (damaged(ref, lambda path: cut(path, 0)), "does not name the commit"),
    "a ref of another agent": (damaged(ref, lambda path: flip(path, 5)), "does not name the commit"),
    "a damaged table without rows": (damaged(empty_table, cut), "cannot be read as a table without rows"),
    "a missing table without rows": (
        damaged(empty_table, Path.unlink),
        "cannot be read as a table without rows",
    ),
    "a missing ref": (damaged(ref, Path.unlink), "has no ref"),
}
"""What is found only where it is looked at."""


def key(file: Path, run: Path) -> str:
    """By what a problem names a file of a run."""
    if "objects" in file.parts:
        return file.parent.name + file.name
    if file.suffix == ".zst":
        return file.stem
    return run.name if file.parent.name == "log" and not file.exists() else file.name


@pytest.mark.parametrize("name", CLOSED)
def test_what_keeps_a_run_from_being_opened_is_named(run: Path, name: str) -> None:
    damage, words = CLOSED[name]
    file = damage(run)
    problems = verify(run).problems
    assert any(words in problem and (key(file, run) in problem or "seal" in words) for problem in problems), (
        problems
    )
    for opener in (archive.open, resume_run):
        with pytest.raises(CorruptArchiveError):
            opener(run)


@pytest.mark.parametrize("name", OPEN)
def test_what_a_reader_meets_late_is_named(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage, words = OPEN[name]
    file = damage(run)
    problems = verify(run).problems
    assert any(words in problem and key(file, run) in problem for problem in problems), problems
    assert main(["verify", str(run)]) == 1
    assert key(file, run) in capsys.readouterr().out


def test_every_damaged_file_is_named_not_only_the_first(run: Path) -> None:
    files = [part(run), part(run, "decisions"), blob(run), commit(run), segment(run)]
    for file in files:
        flip(file, -5)
    told = "\n".join(verify(run).problems)
    for file in files:
        assert key(file, run) in told


def test_the_torn_end_of_the_open_segment_is_no_damage(run: Path) -> None:
    before = verify(run)
    segment(run).write_bytes(segment(run).read_bytes() + b'{"seq":99,"ro')
    assert verify(run) == before


Lines = list[dict[str, Any]]
"""Entries as the log writes them."""


def forge(run: Path, change: Callable[[Lines], None]) -> None:
    """Write the open segment anew with other rows, checksums right."""
    path = segment(run)
    header, *lines = path.read_bytes().splitlines(keepends=True)
    found = [json.loads(line) for line in lines]
    for line in found:
        del line["crc32"]
    change(found)
    path.write_bytes(header + b"".join(map(encode_line, found)))


def result(lines: Lines, table: str = "evaluations") -> Iterator[dict[str, Any]]:
    for line in lines:
        yield from line["rows"].get(table, ())


def again(lines: Lines) -> None:
    """The first result once more, as an entry of its own."""
    line = next(line for line in lines if "evaluations" in line["rows"])
    new = json.loads(json.dumps(line))
    new["seq"] = lines[-1]["seq"] + 1
    for rows in new["rows"].values():
        for row in rows:
            row["seq"] = new["seq"]
    lines.append(new)


def regraded_for_another(lines: Lines) -> None:
    """A re-grade of the first result, with the agent of another."""
    first = next(row for row in result(lines) if row["score"] is not None)
    other = next(row["agent"] for row in result(lines) if row["agent"] != first["agent"])
    seq = lines[-1]["seq"] + 1
    new = {**first, "id": "f" * 32, "seq": seq, "agent": other, "replaces": first["id"], "usage": {}}
    lines.append({"seq": seq, "rows": {"evaluations": [new]}})


FORGED: dict[str, tuple[Callable[[Lines], None], str]] = {
    "a duplicated row": (again, "is recorded already"),
    "another id": (lambda lines: next(result(lines)).update(id="f" * 32), "must be named"),
    "another decision": (
        lambda lines: next(result(lines)).update(decision=0),
        "names decision 0, which nobody made",
    ),
    "another agent": (lambda lines: next(result(lines)).update(agent="0" * 40), "is about"),
    "another split": (lambda lines: next(result(lines)).update(split="confirm"), "decided was"),
    "a lost decision": (
        lambda lines: next(x for x in lines if "decisions" in x["rows"])["rows"].clear(),
        "at least one row",
    ),
    "another tree": (lambda lines: next(result(lines, "agents")).update(tree="0" * 40), "in its commit"),
    "another parent": (lambda lines: next(result(lines, "agents")).update(depth=9), "must have depth"),
    "another patch": (lambda lines: next(result(lines, "agents")).update(patch_files=7), "its row says 7"),
    "more patch": (lambda lines: next(result(lines, "agents")).update(patch_bytes=7), "its row says 7"),
    "another patch of the parent": (
        lambda lines: next(result(lines, "expansions")).update(parent_patch_bytes=7),
        "7 bytes of patches since the seed, there are 0",
    ),
    "an unknown re-grade": (
        lambda lines: next(result(lines)).update(replaces="f" * 32, usage={}),
        "replaces",
    ),
    "a re-grade of another agent": (regraded_for_another, "is of agent"),
    "another answer": (
        lambda lines: next(r for r in result(lines) if r["answer"]).update(answer="0" * 64),
        "is missing",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_rows_that_do_not_agree_are_named(run: Path, name: str) -> None:
    change, words = FORGED[name]
    forge(run, change)
    problems = verify(run).problems
    assert any(words in problem for problem in problems), problems


def test_what_is_no_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ArchiveError, match="not a run"):
        verify(tmp_path)
    assert main(["verify", str(tmp_path)]) == 2
    assert "not a run" in capsys.readouterr().err
