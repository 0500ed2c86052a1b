"""Which level this machine can offer, shown by running it, not by asking for versions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sandbox.base import Level, Sandbox
from sandbox.errors import SandboxError, SandboxUnavailableError, WeakerSandboxError
from sandbox.place import Place
from sandbox.reaper import PERIOD, Reaper
from sandbox.selftest import Check, answers, self_test

log = logging.getLogger(__name__)

STRONGEST_FIRST = (Level.DOCKER, Level.BUBBLEWRAP, Level.PROCESS)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of trying one level: usable when `fault` is None."""

    level: Level
    fault: str | None
    checks: tuple[Check, ...] = ()


class Opened(Sandbox, Protocol):
    """A sandbox of ours."""

    def note(self, facts: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the levels want to know; each takes its part."""

    cache: Path | None = None
    running: int | None = None
    runtime: str | None = None
    period: float = PERIOD


def open_sandbox(
    level: str = "auto",
    *,
    at_least: Level = Level.PROCESS,
    cache: Path | None = None,
    running: int | None = None,
    runtime: str | None = None,
    period: float = PERIOD,
    attempts: list[Attempt] | None = None,
) -> Sandbox:
    """The strongest level that passes its self-test here, or exactly the one that is asked for.

    `at_least` refuses anything weaker; `running` caps containers that run at once; `runtime` is the engine's OCI
    runtime for them, which no other level has; `period` is how often a Docker sandbox looks for what killed processes
    left; `attempts`, when given, receives what was tried and why it failed.
    Every row that comes of the sandbox names in `selftest` what it answered. Raises `SandboxUnavailableError` or
    `WeakerSandboxError`.
    """
    if runtime is not None:
        at_least = Level.DOCKER
    if level != "auto" and level not in list(Level):
        raise SandboxUnavailableError(f"sandbox level must be auto, {', '.join(Level)}; got {level!r}")
    wanted = STRONGEST_FIRST if level == "auto" else (Level(level),)
    tried: list[Attempt] = [] if attempts is None else attempts
    for candidate in wanted:
        if STRONGEST_FIRST.index(candidate) > STRONGEST_FIRST.index(at_least):
            raise WeakerSandboxError(
                f"this needs a sandbox at least as strong as {at_least}, {candidate} is weaker{_why(tried)}"
            )
        sandbox = _try(
            candidate, Options(cache=cache, running=running, runtime=runtime, period=period), tried
        )
        if sandbox is not None:
            log.info("sandbox level %s%s", candidate, _why(tried[:-1]))
            return sandbox
    raise SandboxUnavailableError(f"no sandbox level {level} on this machine{_why(tried)}")


def open_reaper(level: Level, *, period: float = PERIOD, place: Place | None = None) -> Reaper:
    """Looks for what killed processes of this machine left at this level, every `period` seconds until it is closed."""
    place = place or Place()
    if level is Level.BUBBLEWRAP:
        from sandbox.local.cgroup import Groups

        groups = Groups.find("reaper")
        return Reaper(lambda: place.sweep() + (groups.sweep() if groups else 0), period)
    if level is Level.PROCESS:
        return Reaper(place.sweep, period)
    from sandbox.docker.engine import Engine
    from sandbox.docker.reaper import reap

    engine = Engine()
    return Reaper(lambda: reap(engine, place), period, release=engine.close)


def _try(level: Level, options: Options, tried: list[Attempt]) -> Sandbox | None:
    sandbox: Opened | None = None
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
    sandbox.note({"selftest": answers(checks)})
    return sandbox


def _why(tried: list[Attempt]) -> str:
    return "".join(f" ({attempt.level}: {attempt.fault})" for attempt in tried if attempt.fault)


def _docker(options: Options) -> Opened:
    from sandbox.docker.backend import DockerSandbox

    return DockerSandbox(running=options.running, runtime=options.runtime, period=options.period)


def _bubblewrap(options: Options) -> Opened:
    from sandbox.local.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox(cache=options.cache)


def _process(options: Options) -> Opened:
    from sandbox.local.process import ProcessSandbox

    return ProcessSandbox(cache=options.cache)


_OPENERS: dict[Level, Callable[[Options], Opened]] = {
    Level.DOCKER: _docker,
    Level.BUBBLEWRAP: _bubblewrap,
    Level.PROCESS: _process,
}
