"""What only a run of a task's own reference can tell: the tier that its tests need, and the ids of its tests.

Learned once, in fresh boxes, before anything of an agent is graded, and kept in the user's cache under a digest of all
that it follows from: task, tests, reference, and what the boxes are made of.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dgm.benchmarks.base import Task
from dgm.benchmarks.errors import UnresolvedReferenceError
from sandbox import Files, Sandbox, Status, TestSpec, Tier, Verdict, files_digest, grade, grader_digest

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Learned:
    """`expected` are the ids that the reference's run had, `given` those that pass on the stub already (tier B only).

    `reason` says why tier A will not do; it is empty where it does. It may quote hidden tests.
    """

    tier: Tier
    expected: tuple[str, ...]
    given: tuple[str, ...] = ()
    reason: str = ""


def settle(tasks: Iterable[Task], sandbox: Sandbox, cache: Path) -> tuple[Task, ...]:
    """The tasks as a run grades them: where `learn` says so, with what was learned.

    Raises UnresolvedReferenceError for a task whose reference no tier resolves.
    """
    return tuple(settled(task, recalled(task, sandbox, cache)) if task.learn else task for task in tasks)


def settled(task: Task, learned: Learned) -> Task:
    spec = replace(task.test, tier=learned.tier, expected=learned.expected, given=learned.given)
    return replace(task, test=spec, learn=False)


def recalled(task: Task, sandbox: Sandbox, cache: Path) -> Learned:
    """What was learned before on this machine, else what is learned now."""
    path = cache / f"{_key(task, sandbox)}.json"
    try:
        known = json.loads(path.read_text())
        return Learned(
            tier=Tier(known["tier"]),
            expected=tuple(map(str, known["expected"])),
            given=tuple(map(str, known["given"])),
            reason=str(known["reason"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        learned = learn(task, sandbox)
        _keep(path, learned)
        return learned


def learn(task: Task, sandbox: Sandbox) -> Learned:
    """Grade the reference in tier A, and where that will not do in tier B. Raises UnresolvedReferenceError."""
    reason = "its tests need pytest"
    if task.test.tier is Tier.A:
        verdict = graded(sandbox, task, task.test, task.reference)
        if verdict.resolved:
            return Learned(tier=Tier.A, expected=_names(verdict))
        reason = why(verdict)
        if verdict.timed_out:
            raise UnresolvedReferenceError(task.id, reason)
    spec = replace(task.test, tier=Tier.B)
    stub = graded(sandbox, task, spec, {})
    given = tuple(test.name for test in stub.tests if test.status is Status.PASSED)
    verdict = graded(sandbox, task, replace(spec, given=given), task.reference)
    if not verdict.resolved:
        raise UnresolvedReferenceError(task.id, why(verdict))
    return Learned(tier=Tier.B, expected=_names(verdict), given=given, reason=reason)


def graded(sandbox: Sandbox, task: Task, spec: TestSpec, answer: Files) -> Verdict:
    """Grade an answer to `task` by the rules of `spec`, outside of any run."""
    name = hashlib.sha256(f"check {task.id}".encode()).hexdigest()[:32]
    return grade(sandbox, spec, answer, task.files, name=name)


def why(verdict: Verdict) -> str:
    """The reason of a verdict with the first test that did not pass; may quote hidden tests."""
    failed = next((test for test in verdict.tests if test.status is not Status.PASSED), None)
    return verdict.reason + (f"; {failed.name}: {failed.detail}" if failed else "")


def _names(verdict: Verdict) -> tuple[str, ...]:
    return tuple(test.name for test in verdict.tests)


def _key(task: Task, sandbox: Sandbox) -> str:
    facts = [FORMAT, task.id, task.test.digest, files_digest(task.files), files_digest(task.reference)]
    facts += [grader_digest(), sorted(sandbox.digests.items())]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _keep(path: Path, learned: Learned) -> None:
    """For the next time. A cache that cannot be written costs only time."""
    document = {
        "tier": learned.tier.value,
        "expected": learned.expected,
        "given": learned.given,
        "reason": learned.reason,
    }
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, building = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w") as file:
            json.dump(document, file)
        Path(building).replace(path)
