"""The seed agent: small, self-contained, and able to run its own check anywhere."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEED = Path(__file__).parents[3] / "dgm" / "seed"
OURS = {"dgm", "archive", "sandbox"}


def manifest() -> dict[str, object]:
    return tomllib.loads((SEED / "agent.toml").read_text())["agent"]


def test_manifest_names_what_an_agent_must_have() -> None:
    agent = manifest()
    assert set(agent) == {"name", "solve", "improve", "check"}
    for command in ("solve", "improve"):
        assert (SEED / agent[command][1]).is_file()  # type: ignore[index]


def test_check_passes_without_a_model_in_a_place_it_cannot_write() -> None:
    check = [sys.executable, "-B", *list(manifest()["check"])[1:]]  # type: ignore[call-overload]
    done = subprocess.run(check, cwd=SEED, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_openai_is_imported_only_where_the_client_is_made() -> None:
    probe = "import sys, solve, improve, loop, tools, model; sys.exit('openai' in sys.modules)"
    subprocess.run([sys.executable, "-B", "-c", probe], cwd=SEED, check=True)


def test_it_imports_nothing_of_ours_and_only_openai_beside_the_standard_library() -> None:
    own = {path.stem for path in SEED.glob("*.py")} | {"tests"}
    for path in SEED.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {str(node.module).split(".")[0]}
            else:
                continue
            assert not names & OURS
            assert names <= own | set(sys.stdlib_module_names) | {"openai"}, path


def test_it_stays_small() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in SEED.glob("*.py")}
    assert sum(lines.values()) <= 320
    assert max(lines.values()) <= 100


@contextmanager
def an_improve(directory: Path, seconds: float) -> Iterator[dict[str, str]]:
    """The environment of one that has so many seconds, and a model that never answers."""
    (directory / "brief.md").write_text("Do better.")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = {
            "DGM_INSTRUCTION": str(directory / "brief.md"),
            "DGM_EVIDENCE": str(directory),
            "DGM_WORKSPACE": str(SEED),
            "DGM_MODEL": "improve",
            "DGM_DEADLINE": str(time.time() + seconds),
            "OPENAI_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/v1",
            "OPENAI_API_KEY": "dummy",
        }
        yield {**os.environ, **told}


def test_an_improve_that_nobody_answers_leaves_before_it_is_ended(tmp_path: Path) -> None:
    with an_improve(tmp_path, seconds=6) as environment:
        command = [sys.executable, "-B", "improve.py"]
        subprocess.run(command, cwd=SEED, env=environment, check=True, timeout=300)


def test_an_improve_that_ends_in_time_leaves_no_alarm_behind(tmp_path: Path) -> None:
    looks = "import improve, openai, signal; openai.OpenAI; improve.main(); assert signal.alarm(0) == 0"
    with an_improve(tmp_path, seconds=5) as environment:
        command = [sys.executable, "-B", "-c", looks]
        subprocess.run(command, cwd=SEED, env=environment, check=True, timeout=300)
