from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Attempt, Level, SandboxUnavailableError, WeakerSandboxError, open_sandbox

NO_ENGINE = "unix:///nowhere/docker.sock"


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)


def test_auto_takes_the_strongest_that_works_and_says_why_not_more() -> None:
    attempts: list[Attempt] = []
    sandbox = open_sandbox(attempts=attempts)
    sandbox.close()
    assert attempts[0].level is Level.DOCKER
    assert attempts[0].fault is not None
    assert attempts[-1].level is sandbox.level
    assert attempts[-1].fault is None
    assert all(check.holds for check in attempts[-1].checks)


def test_auto_falls_through_to_the_bare_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    attempts: list[Attempt] = []
    sandbox = open_sandbox(attempts=attempts)
    sandbox.close()
    assert sandbox.level is Level.PROCESS
    assert [attempt.level for attempt in attempts] == [Level.DOCKER, Level.BUBBLEWRAP, Level.PROCESS]
    assert "bwrap" in str(attempts[1].fault)


@pytest.mark.parametrize("level", ["docker", "bubblewrap"])
def test_a_level_that_is_not_there_is_an_error_that_names_the_reason(
    level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailableError, match=f"{level}.*: "):
        open_sandbox(level)


def test_an_unknown_level_names_the_known_ones() -> None:
    with pytest.raises(SandboxUnavailableError, match="docker, bubblewrap, process"):
        open_sandbox("podman")


def test_a_floor_refuses_what_is_weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeakerSandboxError, match="docker"):
        open_sandbox(at_least=Level.DOCKER)
    with pytest.raises(WeakerSandboxError, match="process is weaker"):
        open_sandbox("process", at_least=Level.BUBBLEWRAP)


def test_the_digests_say_what_a_weaker_level_lacks(tmp_path: Path) -> None:
    sandbox = open_sandbox("process")
    assert "isolation" in sandbox.digests["weak"]
    sandbox.close()
