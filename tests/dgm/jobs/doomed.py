"""A worker on Docker that does one rollout after the other until it is killed: `python -m tests.dgm.jobs.doomed`.

It says on its standard output what it is about to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from dgm.jobs import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.services import NodeDoors, NodeSettings
from sandbox import Box, BoxSpec, ExecResult, Files, Level, Sandbox
from sandbox.docker import DockerSandbox
from tests.dgm.jobs.agents import LIMITS, RIGHT, Chatty, Fixed, agent, evaluate_job

SOLVE = f'ask()\nwork.joinpath("answer.py").write_text({RIGHT!r})\ntime.sleep(0.5)\n'


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class TellingBox:
    def __init__(self, box: Box) -> None:
        self._box = box

    @property
    def base_url(self) -> str | None:
        return self._box.base_url

    @property
    def tools(self) -> str:
        return self._box.tools

    @property
    def queued_s(self) -> float:
        return self._box.queued_s

    def path(self, area: str) -> str:
        return self._box.path(area)

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        area: str = "workspace",
        seconds: float | None = None,
    ) -> ExecResult:
        say("exec")
        return self._box.exec(argv, env=env, area=area, seconds=seconds)

    def exec_pair(
        self,
        trusted: Sequence[str],
        untrusted: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> ExecResult:
        say("pair")
        return self._box.exec_pair(trusted, untrusted, env=env, seconds=seconds)

    def get(self) -> Files:
        say("get")
        return self._box.get()

    def take(self) -> Files:
        say("get")
        return self._box.take()

    def close(self) -> None:
        say("close")
        self._box.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Telling:
    """A sandbox that says what it is about to do."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @property
    def level(self) -> Level:
        return self._sandbox.level

    @property
    def digests(self) -> Mapping[str, str]:
        return self._sandbox.digests

    def open(self, spec: BoxSpec) -> Box:
        say(f"open {spec.kind}")
        return TellingBox(self._sandbox.open(spec))

    def close(self) -> None:
        self._sandbox.close()


def main() -> None:
    settings = NodeSettings(level=Level.DOCKER, limits=LIMITS, upstream=Fixed(Chatty()), slots=1)
    doors = NodeDoors(settings, os.environ)
    services = NodeServices(Telling(DockerSandbox(period=3600.0)), doors, LIMITS)
    while True:
        say(f"done {evaluate(evaluate_job(agent(SOLVE)), services).outcome}")


if __name__ == "__main__":
    main()
