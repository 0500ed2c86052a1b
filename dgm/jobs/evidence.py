"""What an expansion learns from: the brief and, per failed evaluation, only what an outsider could have seen.

Nothing of the hidden tests enters, not even what the grader said. What varies from run to run without meaning anything
(durations, addresses, where a box lies) is taken out, so that a job that runs again asks the model the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from archive import bounded_patch
from dgm.jobs.base import Evidence, ExpandJob, NodeServices
from dgm.jobs.texts import clipped
from dgm.llm.recordings import conversation
from sandbox import BoxSpec, Files

VISIBLE_TESTS_S = 20.0
"""Seconds that the visible tests of one piece of evidence may take."""

OUTPUT_BYTES = 16 << 10
"""Bytes of the visible tests' output that are shown."""


def evidence_files(job: ExpandJob, services: NodeServices) -> Files:
    """The directory that `improve` gets. Raises SandboxError when the machine cannot run the visible tests."""
    files: dict[str, bytes] = {"brief.md": job.brief.encode()}
    for number, evidence in enumerate(job.evidence, start=1):
        folder = f"rollouts/{number}"
        messages = json.dumps(conversation(evidence.transcript), ensure_ascii=False, indent=1)
        files[f"{folder}/transcript.json"] = messages.encode("utf-8", "replace")
        files[f"{folder}/answer.diff"] = bounded_patch(evidence.task.files, evidence.answer).text.encode()
        files[f"{folder}/visible_tests.txt"] = visible_tests(job, evidence, services)
    return files


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
