from __future__ import annotations

import subprocess
from pathlib import Path

import archive
from tests.dgm.commands import dgm, small_disk
from tests.end_to_end.real import assert_whole, small


def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path) -> None:
    """The run stops with a message, and goes on when there is room."""
    with small_disk(tmp_path / "disk", kilobytes=200) as disk:
        least = {"budget.evaluations": 1, "budget.expansions": 1, "budget.test_repeats": 0}
        arguments = small(tmp_path, runs_dir=disk, **least)
        said = dgm("run", *arguments)
        assert said.status in (1, 2)
        assert "No space left" in said.err
        assert "Traceback" not in said.err
        assert dgm("verify", str(disk / "a")).out.endswith("; no problems\n")
        with archive.open(disk / "a") as run:
            before = list(run.entries())

        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        said = dgm("run", *arguments)
        assert said.status == 0, said.err
        assert_whole(disk / "a")
        with archive.open(disk / "a") as run:
            assert list(run.entries())[: len(before)] == before
