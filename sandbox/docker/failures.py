"""The one place that decides whose failure it was: the engine's, or the command's own.

The inputs are facts that the guest cannot write: what our clock says, what the engine reports of the container and of
the exec, how often the kernel killed for memory. Text that a command printed is never looked at. The rules:

    our deadline passed, we killed the container     the command's: timed out
    the container is gone, and
        the memory limit killed something in it      the command's: out of memory
        its own deadline has passed                  the command's: timed out
        neither                                      the engine's
    the command ended
        with 137, and the memory limit killed        the command's: out of memory
        otherwise                                    the command's: that exit code
    it could not be started, and
        nothing untrusted had run in the box before  the engine's
        the container still runs                     the command's: exit 126
        the memory limit has ended the container     the command's: out of memory

The last two rules stand because what still runs in the box may have used up its processes or its memory. By the same
rules a workspace is rejected if the container cannot be paused to read it, or ran out of memory first.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.base import ExecResult
from sandbox.docker.engine import EngineError, State
from sandbox.errors import SandboxUnavailableError

KILLED = 137  # 128 + SIGKILL


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known about one command when it is over."""

    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float
    timed_out: bool = False
    exit_code: int | None = None
    memory_kills: int = 0
    container: State | None = None
    past_own_deadline: bool = False


def outcome(facts: Facts) -> ExecResult:
    """The command's own result, or `SandboxUnavailableError`."""
    stopped = facts.container is not None and not facts.container.running
    memory = facts.memory_kills > 0 or (
        stopped and facts.container is not None and facts.container.out_of_memory
    )
    if facts.timed_out:
        return _result(facts, timed_out=True)
    if memory and (stopped or facts.exit_code == KILLED):
        return _result(facts, out_of_memory=True)
    if stopped and facts.past_own_deadline:
        return _result(facts, timed_out=True)
    if stopped or facts.exit_code is None:
        raise SandboxUnavailableError(f"the container ended under a command: {_described(facts.container)}")
    return _result(facts, exit_code=facts.exit_code)


def not_started(
    error: EngineError, container: State, *, untrusted_ran: bool, memory_kills: int = 0
) -> ExecResult:
    """A command that the engine could not start."""
    if untrusted_ran and not container.running and (memory_kills or container.out_of_memory):
        return ExecResult(exit_code=None, out_of_memory=True)
    if not untrusted_ran or not container.running:
        raise error
    return ExecResult(exit_code=126, stderr=b"the command could not be started in this box any more\n")


def _result(
    facts: Facts, *, exit_code: int | None = None, timed_out: bool = False, out_of_memory: bool = False
) -> ExecResult:
    return ExecResult(
        exit_code=exit_code,
        stdout=facts.stdout,
        stderr=facts.stderr,
        timed_out=timed_out,
        out_of_memory=out_of_memory,
        truncated=facts.truncated,
        seconds=facts.seconds,
    )


def _described(state: State | None) -> str:
    if state is None:
        return "nobody knows how"
    return f"exit {state.exit_code}{', ' + state.error if state.error else ''}"
