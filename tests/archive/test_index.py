"""The index says what the parts say, wherever a crash left it, and nothing is lost with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import archive
from archive import RunInfo, create_run, resume_run, verify
from archive.index import COLUMNS, file_name, line_name, read_index, seals_in, spans_in, spans_of, write_index
from archive.indexing import index_problems, refresh_index
from archive.seals import sealed_spans
from archive.snapshot import Snapshot
from archive.testing import a_search

INFO = RunInfo(id="run", seed=1)
WIDTHS = (8, 2)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 27 sealed segments, an index over 16 of them, and two entries in the log."""
    living = tmp_path_factory.mktemp("sealed") / "living"
    with create_run(living, INFO, segment_lines=3) as run:
        for rows in a_search(50)[:83]:
            run.append(*rows)
        shutil.copytree(living, living.with_name("run"))
    return living.with_name("run")


@pytest.fixture
def run(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "run"))


def columns(run: Path, *, indexed: bool = True) -> dict[str, dict[str, list[object]]]:
    snapshot = Snapshot(run, indexed=indexed)
    return {table: snapshot.coded(table, names).to_pydict() for table, names in COLUMNS.items()}


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix != ".tmp"}


def problems(run: Path) -> list[str]:
    return list(index_problems(Snapshot(run, indexed=False)))


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("segments", "spans"),
    [
        (0, []),
        (1, []),
        (2, [(0, 1)]),
        (7, [(0, 1), (2, 3), (4, 5)]),
        (8, [(0, 7)]),
        (19, [(0, 7), (8, 15), (16, 17)]),
    ],
)
def test_spans_grow_with_the_sealed_segments(segments: int, spans: list[tuple[int, int]]) -> None:
    assert spans_of([(n, n) for n in range(segments)], WIDTHS) == spans


def test_a_driver_keeps_the_index_while_it_seals(run: Path) -> None:
    assert spans_in(run) == spans_of(sealed_spans(run)) == [(0, 47)]
    assert Snapshot(run).indices == [read_index(run, (0, 47))]


@pytest.mark.parametrize("widths", [(16,), (8, 2), (27,), (100,)])
def test_columns_are_the_same_with_and_without_it(run: Path, widths: tuple[int, ...]) -> None:
    refresh_index(run, widths)
    assert spans_in(run) == spans_of(sealed_spans(run), widths)
    assert len({path.name.partition(".")[0] for path in (run / "index").iterdir()}) == len(spans_in(run))
    assert columns(run) == columns(run, indexed=False)
    with archive.open(run) as reader:
        assert reader.agents.equals(Snapshot(run, indexed=False).table("agents"))
    assert problems(run) == []


def steps(run: Path, scratch: Path) -> Iterator[None]:
    """The index of `run` after each step in which small spans are replaced by larger ones."""
    index = run / "index"
    refresh_index(run, (2,))
    old = Path(shutil.copytree(index, scratch / "old"))
    refresh_index(run, (4,))
    new = Path(shutil.copytree(index, scratch / "new"))
    shutil.rmtree(index)
    shutil.copytree(old, index)
    yield
    for path in sorted(new.iterdir(), key=lambda path: (path.name[:12], path.suffix == ".json")):
        torn = index / f".{path.name}.x7.tmp"
        torn.write_bytes(path.read_bytes()[:20])
        yield
        torn.unlink()
        shutil.copy(path, index)
        yield
    for path in sorted(old.iterdir(), key=lambda path: path.suffix != ".json"):
        (index / path.name).unlink()
        yield


def test_a_crash_at_any_step_of_replacing_spans(tmp_path: Path) -> None:
    with create_run(tmp_path / "run", INFO, segment_lines=5) as driver:
        for rows in a_search(22):
            driver.append(*rows)
    run, kept, seen = tmp_path / "run", tmp_path / "kept", 0
    expected = columns(run, indexed=False)
    for _ in steps(run, tmp_path):
        seen += 1
        assert columns(run) == expected
        assert problems(run) == []
        shutil.copytree(run / "index", kept)
        refresh_index(run, (4,))
        assert files(run / "index") == files(tmp_path / "new")
        shutil.rmtree(run / "index")
        kept.rename(run / "index")
    assert seen > 30


def test_the_next_driver_makes_what_is_missing(run: Path) -> None:
    whole = files(run / "index")
    (run / "index" / line_name((0, 47))).unlink()
    (run / "index" / ".x.tmp").write_bytes(b"torn")
    assert columns(run) == columns(run, indexed=False)
    resume_run(run).close()
    assert files(run / "index") == whole
    assert not list((run / "index").glob(".*"))
    shutil.rmtree(run / "index")
    resume_run(run).close()
    assert files(run / "index") == whole


def test_a_reader_goes_on_while_spans_are_replaced(run: Path) -> None:
    refresh_index(run, (2,))
    snapshot = Snapshot(run)
    expected = snapshot.coded("evaluations", COLUMNS["evaluations"])
    refresh_index(run, (8,))
    assert snapshot.coded("evaluations", COLUMNS["evaluations"]).equals(expected)


def test_a_run_goes_on_where_no_index_can_be_written(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(run / "index")
    (run / "index").write_bytes(b"in the way")
    with resume_run(run) as driver:
        driver.append(*a_search(50)[83])
    assert "the index is not complete" in caplog.text
    with archive.open(run) as reader:
        assert reader.next_seq == 84


def flipped(place: float) -> Callable[[Path], Path]:
    def damage(run: Path) -> Path:
        path = run / "index" / file_name((0, 47), "evaluations")
        flip(path, int(place * (path.stat().st_size - 1)))
        return path

    return damage


def flipped_line(run: Path) -> Path:
    flip(run / "index" / line_name((0, 47)), 30)
    return run / "index" / line_name((0, 47))


def gone(run: Path) -> Path:
    (run / "index" / file_name((0, 47), "evaluations")).unlink()
    return run / "index" / file_name((0, 47), "evaluations")


def of_another_run(run: Path) -> Path:
    """Whole in itself, but of other parts."""
    seals, index = Snapshot(run).seals, read_index(run, (0, 47))
    tables = {table: Snapshot(run).coded_within((0, 47), table, COLUMNS[table]) for table in index.parts}
    write_index(run, (0, 47), seals_in(seals, (0, 44)), tables)
    return run / "index" / line_name((0, 47))


def one_row_fewer(run: Path) -> Path:
    """Checksums and seals fit, the number of rows does not."""
    snapshot, index = Snapshot(run), read_index(run, (0, 47))
    tables = {table: snapshot.coded_within((0, 47), table, COLUMNS[table]) for table in index.parts}
    tables["evaluations"] = tables["evaluations"].slice(1)
    write_index(run, (0, 47), seals_in(snapshot.seals, (0, 47)), tables)
    return run / "index" / file_name((0, 47), "evaluations")


def test_a_damaged_or_foreign_index_steers_nothing_and_verify_names_it(
    sealed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = columns(sealed, indexed=False)
    damages = [flipped(0), flipped(0.3), flipped(0.7), flipped(1), flipped_line, gone]
    unseen = [of_another_run, one_row_fewer]
    for number, damage in enumerate([*damages, *unseen]):
        run = Path(shutil.copytree(sealed, tmp_path / str(number)))
        caplog.clear()
        path = damage(run)
        assert columns(run) == expected
        assert (path.name in caplog.text) == (damage in damages and damage is not gone)
        (problem,) = problems(run)
        assert problem.startswith(f"{path}: ")
        assert "delete index/" in problem


def test_an_index_that_says_something_else_than_the_parts_is_named(run: Path) -> None:
    """Checksums and seals fit: only who reads the parts can tell."""
    snapshot, index = Snapshot(run), read_index(run, (0, 47))
    tables = {table: snapshot.coded_within((0, 47), table, COLUMNS[table]) for table in index.parts}
    costs = tables["evaluations"]["cost_microusd"].to_pylist()
    changed = pa.chunked_array([pa.array([costs[0] + 1, *costs[1:]], pa.int64())])
    place = COLUMNS["evaluations"].index("cost_microusd")
    tables["evaluations"] = tables["evaluations"].set_column(place, "cost_microusd", changed)
    write_index(run, (0, 47), seals_in(snapshot.seals, (0, 47)), tables)
    (problem,) = problems(run)
    assert problem.startswith(f"{run}/index/{file_name((0, 47), 'evaluations')}: this says something else")
    assert any("something else" in problem for problem in verify(run).problems)
