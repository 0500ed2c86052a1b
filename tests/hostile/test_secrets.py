"""A marked key lies all over the host; `searcher.py` looks for it from inside while calls go through the gateway."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox import Level
from tests.fake_upstream import FakeUpstream
from tests.hostile.helpers import ANSWER

ROOT = Path(__file__).resolve().parents[2]
LOOK = "DGM-KEY-"
SEARCHER = Path(__file__).with_name("searcher.py")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A machine on which the key lies around: `environment` is that of driver and gateway."""

    key: str
    born: float
    environment: dict[str, str]


@pytest.fixture
def host(untouched_host: Path, tmp_path: Path) -> Iterator[Host]:
    key, born = LOOK + secrets.token_hex(16), time.time() - 2
    home = tmp_path / "home"
    for place in (".config/openai/key", ".bash_history", ".netrc", ".env", "notes.txt"):
        path = home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"export OPENAI_API_KEY={key}\n")
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", key], stdin=-1) as shown:
        cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))  # holds what boxes are made of
        given = {"OPENAI_API_KEY": key, "HOME": str(home), "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)}
        yield Host(key=key, born=born, environment={**os.environ, **given})
        shown.kill()


@pytest.fixture(params=[pytest.param(Level.DOCKER, marks=pytest.mark.docker), Level.BUBBLEWRAP])
def level(request: pytest.FixtureRequest) -> Level:
    request.getfixturevalue("docker" if request.param is Level.DOCKER else "bubblewrap")
    return Level(request.param)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is known of a rollout afterwards: what the driver said, what the provider was asked, what is on disk."""

    said: dict[str, Any]
    requests: list[dict[str, Any]]
    journal: bytes


def rolled(host: Host, level: Level, program: str, journal: Path) -> Kept:
    with FakeUpstream(key=host.key) as upstream:
        driver = subprocess.run(
            [sys.executable, "-m", "tests.hostile.keeper", level.value, upstream.base_url, str(journal)],
            input=program, env=host.environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert driver.returncode == 0, driver.stderr
        assert host.key not in driver.stderr
        return Kept(
            said=json.loads(driver.stdout), requests=upstream.requests(), journal=journal.read_bytes()
        )


def test_32_search_everything_for_the_key(host: Host, level: Level, tmp_path: Path) -> None:
    program = f"{SEARCHER.read_text()}\nmain({host.born})\n{ANSWER}"
    kept = rolled(host, level, program, tmp_path / "journal.jsonl")
    assert kept.said["outcome"] == "resolved", kept.said
    facts = json.loads(kept.said["log"].splitlines()[-1])
    assert facts["answered"] == [200, 200]
    # The search finds what is there, in each kind of place ...
    assert [name for name, places in facts["marks"].items() if name not in places] == [], facts
    assert facts["processes"] >= 2
    assert facts["files"] > 1000
    # ... and nothing else that looks like the key, which is nowhere in what is kept either.
    assert facts["others"] == {}, facts
    assert host.key not in json.dumps(kept.said)
    assert host.key.encode() not in kept.journal
    # The provider gets the key in one header, and none of the agent's own.
    assert len(kept.requests) == kept.said["calls"] == 2
    for request in kept.requests:
        headers = dict(request["headers"])
        assert headers.pop("Authorization") == f"Bearer {host.key}"
        assert host.key not in json.dumps([headers, request["body"]])
        assert "of-the-agent" not in json.dumps(headers)


def test_33_print_the_environment_into_the_answer(host: Host, level: Level, tmp_path: Path) -> None:
    """An answer with everything that the agent could print is kept, and what it holds for a key is a placeholder."""
    program = f"""
seen = ascii(dict(os.environ)) + ascii(open('/proc/self/environ').read()) + ascii(sys.argv) + ask('hello')['content']
{ANSWER}
with open(work / 'answer.py', 'a') as file: file.write('# ' + seen)
print(seen)
"""
    kept = rolled(host, level, program, tmp_path / "journal.jsonl")
    assert kept.said["outcome"] == "resolved", kept.said
    assert "'OPENAI_API_KEY': 'dummy'" in kept.said["answer"]["answer.py"]
    assert host.key not in json.dumps(kept.said)
    assert host.environment["HOME"] not in kept.said["answer"]["answer.py"]
