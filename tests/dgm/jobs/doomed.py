"""A worker on Docker that does one rollout after the other until it is killed: `python -m tests.dgm.jobs.doomed`.

It says on its standard output what it is about to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from dgm.jobs import NodeServices
from dgm.jobs.evaluate import evaluate
from dgm.jobs.services import NodeDoors, NodeSettings
from sandbox import Box, BoxSpec, Level, Sandbox
from sandbox.docker import DockerSandbox
from tests.dgm.jobs.agents import LIMITS, RIGHT, Chatty, Fixed, agent, evaluate_job
from tests.dgm.jobs.boxes import Forwarding

SOLVE = f'ask()\nwork.joinpath("answer.py").write_text({RIGHT!r})\ntime.sleep(0.5)\n'


def say(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


class TellingBox(Forwarding):
    def about_to(self, what: str) -> None:
        say(what)


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
