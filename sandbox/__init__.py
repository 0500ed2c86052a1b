"""Running what we do not trust: boxes with no way out, and what comes back from them."""

from sandbox.base import MIB, Box, BoxSpec, ExecResult, Files, Level, Limits, Sandbox
from sandbox.choose import Attempt, open_reaper, open_sandbox
from sandbox.errors import (
    BoxEndedError,
    ImageMissingError,
    InvalidSpecError,
    SandboxError,
    SandboxUnavailableError,
    SubmissionRejectedError,
    WeakerSandboxError,
)
from sandbox.place import Place
from sandbox.reports import Status, TestReport
from sandbox.selftest import Check, self_test
from sandbox.testspec import Framework, TestSpec, Tier, files_digest
from sandbox.verify import Verdict, grade, grader_digest

__all__ = [
    "MIB",
    "Attempt",
    "Box",
    "BoxEndedError",
    "BoxSpec",
    "Check",
    "ExecResult",
    "Files",
    "Framework",
    "ImageMissingError",
    "InvalidSpecError",
    "Level",
    "Limits",
    "Place",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailableError",
    "Status",
    "SubmissionRejectedError",
    "TestReport",
    "TestSpec",
    "Tier",
    "Verdict",
    "WeakerSandboxError",
    "files_digest",
    "grade",
    "grader_digest",
    "open_reaper",
    "open_sandbox",
    "self_test",
]
