"""What a sandbox owes its callers.

A *box* is one short-lived place in which untrusted commands run. It is opened from a `BoxSpec`, holds only
the files that the spec names, runs commands, gives its workspace back as plain files, and is gone after
`close`. A command that ran gives an `ExecResult`, whatever its exit status; an error of `sandbox.errors`
means that the machine failed, which is never evidence about the code that ran.

Layout inside, the same at every level (`box.path(area)` gives the absolute path of an area):

    <root>/workspace   writable for the untrusted user; what `get` returns
    <root>/<area>      one directory per readable area (`agent`, `evidence`, ...), read-only
    <root>/<private>   readable by the trusted user only (hidden tests, the test driver)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

Files = Mapping[str, bytes]
"""A tree of regular files: relative POSIX path -> content. No links, no modes, no empty directories."""

MIB = 1 << 20

MEET = "\n# From here on the other half is needed.\n"
"""A line in the Python program of one half of a pair: what stands before it may run before the halves have met."""


class Level(StrEnum):
    """How strongly a box holds what it runs, strongest first."""

    DOCKER = "docker"
    BUBBLEWRAP = "bubblewrap"
    PROCESS = "process"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a box may use. `seconds` is one command's wall clock, enforced by killing the box from outside."""

    seconds: float = 120.0
    memory_bytes: int = 1024 * MIB
    processes: int = 128
    cpus: float = 1.0
    disk_bytes: int = 64 * MIB
    disk_files: int = 4096
    file_bytes: int = 32 * MIB
    open_files: int = 1024
    output_bytes: int = MIB

    def within(self, seconds: float) -> Limits:
        """The same limits with the clock shortened to at most `seconds`."""
        return replace(self, seconds=min(self.seconds, seconds))


@dataclass(frozen=True, kw_only=True)
class BoxSpec:
    """What goes into a box.

    `name` is the job's id and `kind` what it does (`solve`, `improve`, `check`, `grade`, ...): both become
    labels. `door` is a directory that holds the gateway's socket (`gateway.sock`); None means no way out at
    all.
    """

    name: str
    kind: str
    workspace: Files = field(default_factory=dict)
    areas: Mapping[str, Files] = field(default_factory=dict)
    private: Mapping[str, Files] = field(default_factory=dict)
    door: Path | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class ExecResult:
    """How a command ended. `exit_code` is None when it was killed at its deadline or by the memory limit.

    `stdout` and `stderr` are capped at `Limits.output_bytes` each; `truncated` says that something was cut.
    """

    exit_code: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    timed_out: bool = False
    out_of_memory: bool = False
    truncated: bool = False
    seconds: float = 0.0


class Box(Protocol):
    """One open box. Not thread-safe; `close` may be called twice and is called by the `with` statement."""

    @property
    def base_url(self) -> str | None:
        """Where an OpenAI client inside the box finds the gateway; None without a door."""

    @property
    def tools(self) -> str:
        """Where pytest and what it needs lie, as commands inside see it. Only boxes that grade have them."""

    @property
    def queued_s(self) -> float:
        """Seconds for which `open` waited until there was room for this box."""

    def path(self, area: str) -> str:
        """Absolute path of an area as commands inside see it."""

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        area: str = "workspace",
        seconds: float | None = None,
    ) -> ExecResult:
        """Run one command as the untrusted user in the directory of `area`, with `env`, nothing of the host.

        `python3` is on the path and imports `openai`. When it returns, nothing that the command started is
        promised to be alive, and nothing is promised to be dead until `close`.
        """

    def exec_pair(
        self,
        trusted: Sequence[str],
        untrusted: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> ExecResult:
        """Run a trusted command, which sees private areas, and an untrusted one, joined by a byte channel.

        Both find the channel, a connected stream, as file descriptor 3. Neither can signal, trace or read the
        other. Gives the trusted command's result; the untrusted one's output is dropped and it is killed
        when the trusted one ends.
        """

    def get(self) -> Files:
        """The workspace's regular files, re-packed; `SubmissionRejectedError` when it breaks the rules."""

    def take(self) -> Files:
        """What `get` gives, and the end of the box: nothing in it runs again, and it need not be closed.

        Its removal may still go on when this returns; `Sandbox.close` waits for it.
        """

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sandbox(Protocol):
    """Opens boxes of one level on this machine. Thread-safe: several boxes may be open at once."""

    @property
    def level(self) -> Level: ...

    @property
    def digests(self) -> Mapping[str, str]:
        """What the boxes are made of, for every row: digests of images or runtime, self-test, weaknesses."""

    def open(self, spec: BoxSpec) -> Box: ...

    def close(self) -> None:
        """Remove everything that this instance left. Idempotent."""
