"""The public surface and the error tree."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import archive
from archive import errors


def test_the_public_names() -> None:
    assert set(archive.__all__) == {
        *("Archive", "MemoryArchive", "Run", "RunReader", "RunInfo", "create_run", "resume_run", "open"),
        *("Agent", "Call", "Change", "Decision", "Evaluation", "Expansion", "Entry", "Row", "ROW_TYPES"),
        *("GateVerdict", "TestResult", "Usage", "AgentId", "TaskId", "Json", "is_result", "job_id"),
        *("DecisionKind", "ExpansionOutcome", "Outcome", "Split", "TestStatus"),
        *("Blobs", "GitStore", "Lineage", "Patch", "bounded_patch", "check_path", "tree_hash"),
        *("Verification", "verify", "fork_run", "export_agent", "export_delta", "collect_garbage", "Garbage"),
        *("FORMAT_VERSION", "SCHEMAS", "SEGMENT_LINES", "fold_regrades", "Holder", "holder_of"),
        *(name for name in vars(errors) if name.endswith("Error") and name != "OSError"),
    }


def test_the_error_tree_is_drawn_as_it_is() -> None:
    drawn = [
        line.lstrip("│├└─ ").split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "Error " in line or line == "ArchiveError"
    ]
    found = [errors.ArchiveError, *errors.ArchiveError.__subclasses__()]
    for error in found[1:]:
        found.extend(error.__subclasses__())
    assert sorted(drawn) == sorted(error.__name__ for error in found)


@pytest.mark.parametrize(
    "error",
    [
        errors.RunLockedError("in use", pid=7, host="h"),
        errors.CorruptArchiveError("torn", path=Path("log/0.jsonl"), line=3),
        errors.AlreadyRecordedError("again"),
    ],
)
def test_errors_travel_between_processes(error: errors.ArchiveError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_importing_the_package_runs_nothing() -> None:
    script = "import archive, sys; print(sys.modules.keys() & {'git', 'dgm', 'sandbox'})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
