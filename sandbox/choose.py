"""Which level this machine can offer, shown by running it, not by asking for versions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import Level, Sandbox
from sandbox.errors import SandboxError, SandboxUnavailableError, WeakerSandboxError
from sandbox.selftest import Check, self_test

log = logging.getLogger(__name__)

STRONGEST_FIRST = (Level.DOCKER, Level.BUBBLEWRAP, Level.PROCESS)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of trying one level: usable when `fault` is None."""

    level: Level
    fault: str | None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the levels want to know; each takes its part."""

    cache: Path | None = None
    running: int | None = None
    instance: str | None = None


def open_sandbox(
    level: str = "auto",
    *,
    at_least: Level = Level.PROCESS,
    cache: Path | None = None,
    running: int | None = None,
    instance: str | None = None,
    attempts: list[Attempt] | None = None,
) -> Sandbox:
    """The strongest level that passes its self-test here, or exactly the one that is asked for.

    `at_least` refuses anything weaker; `running` caps containers that run at once; `instance` names them, so
    that a later process with the same name removes what a crash left; `attempts`, when given, receives what was
    tried and why it failed. Raises `SandboxUnavailableError` or `WeakerSandboxError`.
    """
    if level != "auto" and level not in list(Level):
        raise SandboxUnavailableError(f"sandbox level must be auto, {', '.join(Level)}; got {level!r}")
    wanted = STRONGEST_FIRST if level == "auto" else (Level(level),)
    tried: list[Attempt] = [] if attempts is None else attempts
    for candidate in wanted:
        if STRONGEST_FIRST.index(candidate) > STRONGEST_FIRST.index(at_least):
            raise WeakerSandboxError(
                f"this needs a sandbox at least as strong as {at_least}, {candidate} is weaker{_why(tried)}"
            )
        sandbox = _try(candidate, Options(cache=cache, running=running, instance=instance), tried)
        if sandbox is not None:
            log.info("sandbox level %s%s", candidate, _why(tried[:-1]))
            return sandbox
    raise SandboxUnavailableError(f"no sandbox level {level} on this machine{_why(tried)}")


def _try(level: Level, options: Options, tried: list[Attempt]) -> Sandbox | None:
    sandbox: Sandbox | None = None
    try:
        sandbox = _OPENERS[level](options)
        checks = self_test(sandbox)
    except SandboxError as error:
        if sandbox is not None:
            sandbox.close()
        tried.append(Attempt(level=level, fault=str(error)))
        return None
    if failed := [check for check in checks if not check.holds]:
        sandbox.close()
        fault = "; ".join(f"{check.name}: {check.seen}" for check in failed)
        tried.append(Attempt(level=level, fault=fault, checks=checks))
        return None
    tried.append(Attempt(level=level, fault=None, checks=checks))
    return sandbox


def _why(tried: list[Attempt]) -> str:
    return "".join(f" ({attempt.level}: {attempt.fault})" for attempt in tried if attempt.fault)


def _docker(options: Options) -> Sandbox:
    from sandbox.docker.backend import DockerSandbox

    return DockerSandbox(running=options.running, instance=options.instance)


def _bubblewrap(options: Options) -> Sandbox:
    from sandbox.local.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox(cache=options.cache, instance=options.instance)


def _process(options: Options) -> Sandbox:
    from sandbox.local.process import ProcessSandbox

    return ProcessSandbox(cache=options.cache)


_OPENERS: dict[Level, Callable[[Options], Sandbox]] = {
    Level.DOCKER: _docker,
    Level.BUBBLEWRAP: _bubblewrap,
    Level.PROCESS: _process,
}
