"""Errors of the sandbox.

SandboxError
├── SandboxUnavailableError       the machine failed: no evidence about what ran, worth another try
│   └── ImageMissingError         an image has to be built first; carries `image`
├── WeakerSandboxError            the strongest level that works here is weaker than the caller accepts
├── SubmissionRejectedError       what came out breaks the rules: evidence; carries `path`, `reason`
├── InvalidSpecError              the caller asked for a box that cannot be: a bug on our side
└── BoxEndedError                 the box was closed, or killed at a limit, before this call
"""

from __future__ import annotations


class SandboxError(Exception):
    """Base of everything that this package raises on purpose."""


class SandboxUnavailableError(SandboxError):
    """The machine could not run the command or lost it. Never the fault of the code that ran."""


class ImageMissingError(SandboxUnavailableError):
    def __init__(self, image: str) -> None:
        super().__init__(f"image {image} is not on this engine; build it once with `dgm images build`")
        self.image = image

    def __reduce__(self) -> tuple[type[ImageMissingError], tuple[str]]:
        return type(self), (self.image,)


class WeakerSandboxError(SandboxError):
    """Only a weaker level than the one required works on this machine."""


class SubmissionRejectedError(SandboxError):
    """The workspace holds something that no submission may hold."""

    def __init__(self, path: str, reason: str) -> None:
        # `ascii` keeps control and bidi characters of a hostile name out of logs and terminals.
        super().__init__(f"{path[:300]!a}: {reason}" if path else reason)
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[type[SubmissionRejectedError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


class InvalidSpecError(SandboxError):
    """A box specification or a call that contradicts the promises in `sandbox.base`."""


class BoxEndedError(SandboxError):
    """Nothing can be run in this box or read from it any more."""
