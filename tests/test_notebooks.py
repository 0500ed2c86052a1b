"""The notebooks run from top to bottom on runs that were just made, and what is committed of them is small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dgm.report.ended import ended_run

nbformat = pytest.importorskip("nbformat", reason="needs dgm[notebook]")
nbclient = pytest.importorskip("nbclient", reason="needs dgm[notebook]")
pytest.importorskip("ipykernel", reason="needs dgm[notebook]")

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    ended_run(place / "huxley-1", seed=1)
    ended_run(place / "uniform-1", seed=1, policy="uniform")
    return place


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_pictures(
    path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DGM_RUN", str(runs / "huxley-1"))
    monkeypatch.setenv("DGM_RUNS", str(runs))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(path.parent))
    cells = {cell.source: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    assert all(outputs for outputs in cells.values())
    assert not [one for outputs in cells.values() for one in outputs if one.get("name") == "stderr"]
    for source, outputs in cells.items():
        if source.startswith("plots."):
            assert "image/png" in outputs[-1].data, source


def test_both_are_there_and_committed_without_outputs() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["browse", "compare"]
    for path in NOTEBOOKS:
        assert path.stat().st_size < 16_000
        cells = nbformat.read(path, as_version=4).cells
        assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
