from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox import SandboxUnavailableError
from sandbox.docker.engine import EngineError, State
from sandbox.docker.failures import Facts, not_started, outcome

RUNNING = State(running=True, exit_code=0, out_of_memory=False, error="")
STOPPED = State(running=False, exit_code=137, out_of_memory=False, error="")
FACTS = Facts(stdout=b"out", stderr=b"err", truncated=False, seconds=1.5, exit_code=0)


@pytest.mark.parametrize("code", [0, 1, 126, 127, 255])
def test_a_command_that_ended_has_its_own_exit_code(code: int) -> None:
    result = outcome(replace(FACTS, exit_code=code))
    assert (result.exit_code, result.timed_out, result.out_of_memory) == (code, False, False)
    assert (result.stdout, result.stderr, result.seconds) == (b"out", b"err", 1.5)


def test_137_without_the_memory_limit_is_an_exit_code_like_any_other() -> None:
    assert outcome(replace(FACTS, exit_code=137, container=RUNNING)).exit_code == 137


def test_137_with_the_memory_limit_is_out_of_memory() -> None:
    result = outcome(replace(FACTS, exit_code=137, container=RUNNING, memory_kills=1))
    assert (result.exit_code, result.out_of_memory) == (None, True)


def test_a_memory_kill_that_the_command_survived_does_not_matter() -> None:
    assert outcome(replace(FACTS, exit_code=1, container=RUNNING, memory_kills=1)).exit_code == 1


def test_our_clock_comes_before_everything_else() -> None:
    result = outcome(replace(FACTS, exit_code=None, timed_out=True, container=STOPPED, memory_kills=3))
    assert (result.exit_code, result.timed_out, result.out_of_memory) == (None, True, False)


def test_a_container_that_the_memory_limit_ended_is_evidence() -> None:
    assert outcome(replace(FACTS, exit_code=None, container=STOPPED, memory_kills=1)).out_of_memory
    assert outcome(
        replace(FACTS, exit_code=None, container=replace(STOPPED, out_of_memory=True))
    ).out_of_memory


def test_a_container_that_its_own_deadline_ended_is_evidence() -> None:
    assert outcome(replace(FACTS, exit_code=None, container=STOPPED, past_own_deadline=True)).timed_out


@pytest.mark.parametrize("code", [None, 0, 137])
def test_a_container_that_ended_otherwise_is_the_engines_fault(code: int | None) -> None:
    with pytest.raises(SandboxUnavailableError):
        outcome(replace(FACTS, exit_code=code, container=STOPPED))


def test_what_a_command_prints_changes_nothing() -> None:
    shout = b"OCI runtime exec failed: container not running: OOMKilled engine died"
    assert outcome(replace(FACTS, stdout=shout, stderr=shout, exit_code=1)).exit_code == 1


def test_a_command_that_cannot_start_is_the_engines_fault_in_an_untouched_box() -> None:
    error = EngineError("no", 500)
    with pytest.raises(EngineError):
        not_started(error, RUNNING, untrusted_ran=False)
    with pytest.raises(EngineError):
        not_started(error, STOPPED, untrusted_ran=True)
    assert not_started(error, RUNNING, untrusted_ran=True).exit_code == 126
