"""What an expansion learns from: the brief and, per failed evaluation, only what an outsider could have seen.

Nothing of the hidden tests enters, not even what the grader said. What varies from run to run without meaning anything
(durations, addresses, where a box lies) is taken out, so that a job that runs again asks the model the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from archive import bounded_patch
from dgm.jobs.base import Evidence, ExpandJob, NodeServices
from dgm.jobs.texts import clipped
from dgm.llm.recordings import conversation
from dgm.llm.transcript import Message
from sandbox import BoxSpec, Files

VISIBLE_TESTS_S = 20.0
"""Seconds that the visible tests of one piece of evidence may take."""

TRANSCRIPT_BYTES = 2 << 20
"""Bytes of all transcripts together that are shown."""

DIFFERENCE_BYTES = 64 << 10
"""Bytes of the difference to another agent's source that are shown."""

OUTPUT_BYTES = 16 << 10
"""Bytes of the visible tests' output that are shown."""


def evidence_files(job: ExpandJob, services: NodeServices) -> Files:
    """The directory that `improve` gets. Raises SandboxError when the machine cannot run the visible tests."""
    files: dict[str, bytes] = {"brief.md": job.brief.encode()}
    for number, evidence in enumerate(job.evidence, start=1):
        folder = f"rollouts/{number}"
        room = TRANSCRIPT_BYTES // len(job.evidence)
        files[f"{folder}/transcript.json"] = shortened(conversation(evidence.transcript), room)
        files[f"{folder}/answer.diff"] = bounded_patch(evidence.task.files, evidence.answer).text.encode()
        files[f"{folder}/visible_tests.txt"] = visible_tests(job, evidence, services)
        files[f"{folder}/outcome.txt"] = outcome_text(evidence)
        if evidence.other is not None:
            difference = bounded_patch(job.tree, evidence.other).text.encode()
            files[f"{folder}/agent.diff"] = clipped(difference, DIFFERENCE_BYTES)
    return files


def outcome_text(evidence: Evidence) -> bytes:
    """How the evaluation ended, in one line, and whether it was the parent's."""
    by = "" if evidence.other is None else ", another agent"
    return f"{evidence.outcome}{by}\n".encode()


def shortened(messages: Sequence[Message], room: int) -> bytes:
    """The conversation as JSON of at most `room` bytes: its first messages, and of the others the newest that fit."""
    if len(whole := _told(messages)) <= room:
        return whole
    left = room - len(_told([_gap(len(messages))]))
    first, last = 0, len(messages)
    while first < min(2, last) and (size := len(_told([messages[first]]))) <= left // 2:
        first, left = first + 1, left - size
    while last > first and (size := len(_told([messages[last - 1]]))) <= left:
        last, left = last - 1, left - size
    return _told([*messages[:first], _gap(last - first), *messages[last:]])


def _gap(count: int) -> Message:
    return {"role": "user", "content": f"[{count} messages left out]"}


def _told(messages: Sequence[Message]) -> bytes:
    return json.dumps(list(messages), ensure_ascii=False, indent=1).encode("utf-8", "replace")


def visible_tests(job: ExpandJob, evidence: Evidence, services: NodeServices) -> bytes:
    """What the task's own visible tests print on the solution files of the stored answer."""
    task = evidence.task
    modules = [path.removesuffix(".py").replace("/", ".") for path in task.visible_tests]
    if not modules:
        return b"this task has no visible tests\n"
    solution = {path: evidence.answer[path] for path in task.test.solution_files if path in evidence.answer}
    spec = BoxSpec(
        name=job.id,
        kind="evidence",
        workspace={**task.files, **solution},
        limits=replace(services.limits, seconds=VISIBLE_TESTS_S),
    )
    with services.sandbox.open(spec) as box:
        result = box.exec(["python3", "-m", "unittest", *modules], env={"PYTHONHASHSEED": "0"})
        where = box.path("workspace")
    text = steady(clipped(result.stdout + result.stderr, OUTPUT_BYTES), where)
    if result.timed_out:
        text += b"[stopped: the tests did not end in time]\n"
    return text


def steady(output: bytes, where: str) -> bytes:
    """`output` without durations, addresses and the directory `where` it came from."""
    text = output.decode("utf-8", "replace").replace(f"{where}/", "")
    text = re.sub(r"\bin \d+\.\d+s", "in a moment", text)
    return re.sub(r"\bat 0x[0-9a-f]+", "at 0x...", text).encode()
