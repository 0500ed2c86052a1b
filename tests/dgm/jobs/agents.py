"""Small scripted agents and one small task, run by the real jobs through a real sandbox and a real gateway."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive import Outcome, Split
from dgm.benchmarks import Task
from dgm.gates import Gates
from dgm.jobs import EvaluateJob, Evidence, ExpandJob, NodeServices
from dgm.jobs.manifest import MANIFEST, parse_manifest
from dgm.jobs.services import NodeDoors, NodeSettings
from dgm.llm import Allowance, PriceTable
from dgm.llm.backends import Backend, Place, ScriptedBackend
from dgm.llm.backends.whole import completion
from dgm.llm.errors import UpstreamDeniedError
from dgm.llm.lanes import LaneLimits
from dgm.llm.models import NOTHING_LEARNED, Learned
from dgm.llm.values import OUTPUT_TOKENS
from dgm.llm.wire import Body
from sandbox import MIB, Box, BoxSpec, ExecResult, Files, Level, Limits, Sandbox, SandboxUnavailableError
from sandbox import TestSpec as Spec
from tests.dgm.jobs.boxes import Forwarding

LIMITS = Limits(memory_bytes=512 * MIB, disk_bytes=16 * MIB, output_bytes=256 << 10)

AGENT_TOML = b"""[agent]
name = "scripted"
solve = ["python3", "solve.py"]
improve = ["python3", "improve.py"]
check = ["python3", "check.py"]
"""

PRELUDE = """
import json, os, sys, time
from pathlib import Path

work = Path(os.environ["DGM_WORKSPACE"])
instruction = Path(os.environ["DGM_INSTRUCTION"]).read_text()

def ask(text="hello", **more):
    import urllib.request
    body = {"model": os.environ["DGM_MODEL"], "messages": [{"role": "user", "content": text}], **more}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["choices"][0]["message"]

"""

STUB = b"def double(x):\n    raise NotImplementedError\n"
RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return x\n"

HIDDEN = b"""import unittest
from answer import double


class HiddenTest(unittest.TestCase):
    def test_secret_seven(self):
        self.assertEqual(double(7), 14)

    def test_secret_text(self):
        self.assertEqual(double("ab"), "abab")
"""
VISIBLE = b"""import unittest
from answer import double


class VisibleTest(unittest.TestCase):
    def test_one(self):
        self.assertEqual(double(1), 2)
"""
TASK = Task(
    id="made-up/double",
    instruction="# Double\n\nWrite `double`.\n\nEdit only answer.py.\n",
    files={"answer.py": STUB, "visible_test.py": VISIBLE},
    visible_tests=("visible_test.py",),
    test=Spec(
        solution_files=("answer.py",),
        test_files={"answer_test.py": HIDDEN},
        run=("answer_test.py",),
        modules=("answer",),
    ),
    reference={"answer.py": RIGHT.encode()},
    digest="d" * 64,
)


def agent(solve: str = "", improve: str = "", check: str = "", **files: str) -> dict[str, bytes]:
    """A tree whose commands are these scripts, each after `PRELUDE` (but `check`, which is called without a task)."""
    return {
        MANIFEST: AGENT_TOML,
        "solve.py": (PRELUDE + solve).encode(),
        "improve.py": (PRELUDE + improve).encode(),
        "check.py": check.encode(),
        **{name.replace("__", "/"): content.encode() for name, content in files.items()},
    }


MANIFEST_OF_ALL = parse_manifest(AGENT_TOML)


def evaluate_job(tree: Files, **changes: object) -> EvaluateJob:
    fields: dict[str, object] = {
        "id": "e" * 32,
        "decision": 3,
        "attempt": 1,
        "agent": "a" * 40,
        "tree": tree,
        "manifest": MANIFEST_OF_ALL,
        "task": TASK,
        "split": Split.SEARCH,
        "repeat": 0,
        "sample": bytes(range(16)),
        "seconds": 120.0,
        "allowance": Allowance(calls=10),
        "journal": None,
    }
    return EvaluateJob(**{**fields, **changes})  # type: ignore[arg-type]


def expand_job(tree: Files, **changes: object) -> ExpandJob:
    fields: dict[str, object] = {
        "id": "c" * 32,
        "decision": 4,
        "attempt": 1,
        "parent": "a" * 40,
        "tree": tree,
        "improver": tree,
        "manifest": MANIFEST_OF_ALL,
        "frozen": {MANIFEST: AGENT_TOML},
        "gates": Gates(smoke=False, check=False),
        "operator": "single_failure",
        "brief": "make it better",
        "evidence": (),
        "known": {},
        "sample": bytes(range(16)),
        "seconds": 120.0,
        "allowance": Allowance(calls=10),
        "journal": None,
    }
    return ExpandJob(**{**fields, **changes})  # type: ignore[arg-type]


def evidence(answer: Files, transcript: bytes = b"") -> Evidence:
    return Evidence(task=TASK, outcome=Outcome.UNRESOLVED, answer=answer, transcript=transcript)


class Chatty(ScriptedBackend):
    """Answers everything with the same words and counts how often it was asked."""

    def __init__(self, words: str = "all right") -> None:
        super().__init__(())
        self.words = words
        self.asked = 0

    async def complete(self, request: Body, place: Place) -> Body:
        self.asked += 1
        return completion(place, {"role": "assistant", "content": self.words}, "stop", 7, 3)


class Denying(ScriptedBackend):
    """A provider that turns everybody away after `answers` answers."""

    def __init__(self, answers: int = 0) -> None:
        super().__init__(())
        self.answers = answers

    async def complete(self, request: Body, place: Place) -> Body:
        if self.answers <= 0:
            raise UpstreamDeniedError("no credit left")
        self.answers -= 1
        return completion(place, {"role": "assistant", "content": "last words"}, "stop", 7, 3)


@dataclass(frozen=True)
class Fixed:
    """An upstream that is this very backend."""

    made: Backend
    name: str = "scripted"
    real: bool = False
    kept: Path | None = None

    def backend(self, environ: Mapping[str, str]) -> Backend:
        return self.made

    def models_of(self, role: str) -> Mapping[str, float]:
        return {self.made.model(role): 1.0}

    def beside(self) -> tuple[str, ...]:
        return ()

    def learned(self) -> Learned:
        return NOTHING_LEARNED

    def answers(self) -> Path | None:
        return self.kept

    def lanes(self) -> Mapping[str, LaneLimits]:
        return {}

    def longest(self) -> int:
        return OUTPUT_TOKENS

    def trouble(self, environ: Mapping[str, str]) -> str | None:
        return None

    def prices(self) -> PriceTable:
        return PriceTable.packaged({"scripted": {"input": 1.0, "cached": 0.1, "output": 10.0}})


@contextmanager
def serving(
    sandbox: Sandbox, backend: Backend, limits: Limits = LIMITS, cache: Path | None = None
) -> Iterator[NodeServices]:
    """A node's services with a real gateway before `backend`, whose answers are kept in `cache`."""
    upstream = Fixed(backend, kept=cache)
    settings = NodeSettings(level=sandbox.level, limits=limits, upstream=upstream, slots=2)
    doors = NodeDoors(settings, {})
    try:
        yield NodeServices(sandbox, doors, limits)
    finally:
        doors.stop()


class Faulty:
    """A sandbox whose machine fails whenever a box of one of these kinds is opened."""

    def __init__(self, inner: Sandbox, kinds: Collection[str]) -> None:
        self._inner = inner
        self._kinds = kinds

    @property
    def level(self) -> Level:
        return self._inner.level

    @property
    def digests(self) -> Mapping[str, str]:
        return self._inner.digests

    def open(self, spec: BoxSpec) -> Box:
        if spec.kind in self._kinds:
            raise SandboxUnavailableError("the engine died")
        return self._inner.open(spec)

    def close(self) -> None:
        return None


class Starving(Faulty):
    """A sandbox in which every command of these kinds runs into the memory limit."""

    def open(self, spec: BoxSpec) -> Box:
        box = self._inner.open(spec)
        return _StarvedBox(box) if spec.kind in self._kinds else box


class Crowded(Faulty):
    """A sandbox whose boxes wait for room first."""

    WAIT = 0.75

    def open(self, spec: BoxSpec) -> Box:
        time.sleep(self.WAIT)
        return _CrowdedBox(self._inner.open(spec))


class _StarvedBox(Forwarding):
    def exec(self, *_: Any, **__: Any) -> ExecResult:
        return ExecResult(exit_code=None, out_of_memory=True)

    exec_pair = exec


class _CrowdedBox(Forwarding):
    queued_s = Crowded.WAIT
