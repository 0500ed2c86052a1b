"""Running what we do not trust: boxes with no way out, and what comes back from them."""

from sandbox.base import MIB, Box, BoxSpec, ExecResult, Files, Level, Limits, Sandbox
from sandbox.choose import Attempt, open_sandbox
from sandbox.errors import (
    BoxEndedError,
    ImageMissingError,
    InvalidSpecError,
    SandboxError,
    SandboxUnavailableError,
    SubmissionRejectedError,
    WeakerSandboxError,
)
from sandbox.selftest import Check, self_test

__all__ = [
    "MIB",
    "Attempt",
    "Box",
    "BoxEndedError",
    "BoxSpec",
    "Check",
    "ExecResult",
    "Files",
    "ImageMissingError",
    "InvalidSpecError",
    "Level",
    "Limits",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailableError",
    "SubmissionRejectedError",
    "WeakerSandboxError",
    "open_sandbox",
    "self_test",
]
