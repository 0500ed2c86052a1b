"""Errors of the archive.

ArchiveError
├── EntryError                  what was handed to `append` cannot become an entry; nothing was written
│   ├── RowError                a value does not fit its column
│   ├── WrongSeqError           the rows do not carry the next number
│   ├── AlreadyRecordedError    this id, or a counted result of this decision, is there already
│   ├── UnknownAgentError       no such agent in this run
│   ├── UnknownDecisionError    a result names a decision that nobody made
│   └── UnknownEvaluationError  a re-grade replaces an evaluation that is not there
├── UnknownBlobError            no such blob
├── MissingPackageError         an optional package is not installed; names what to install
├── NotLocalError               what only a directory here can give was asked of a run far away
├── BadPathError                a path that an agent's tree must not have
├── OpenError                   the directory cannot be opened
│   ├── RunExistsError          there is something at this path already
│   ├── ForeignDirectoryError   this is not a run
│   ├── FormatVersionError      a run of another format version
│   ├── UnreachableError        the service that holds a run far away did not answer, or not to us
│   ├── RunLockedError          another driver writes this run; names its process and host
│   └── CorruptArchiveError     damage; names the file and, in the log, the line
├── NotWritableError            append to a closed archive, through a reader, or to a log that another changed
│   └── TakenOverError          another driver took this run over while this one stood still
└── WriteFailedError            the disk did not take it; the archive stands as it was before
    └── DiskFullError           no space, quota or file-size limit reached; free some and go on
"""

from __future__ import annotations

import errno
from os import PathLike, fspath

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ArchiveError(Exception):
    """Anything that the archive refuses or cannot do."""


class EntryError(ArchiveError, ValueError):
    """What was handed to `append` cannot become an entry; nothing was written."""


class RowError(EntryError):
    """A value does not fit its column."""


class WrongSeqError(EntryError):
    """The rows of an entry must all carry the archive's next number."""


class AlreadyRecordedError(EntryError):
    """This id, or a counted result of this decision, is in the archive already."""


class UnknownAgentError(EntryError):
    """No such agent in this run."""


class UnknownDecisionError(EntryError):
    """A result names a decision that nobody made."""


class UnknownEvaluationError(EntryError):
    """A re-grade replaces an evaluation that is not in the archive."""


class UnknownBlobError(ArchiveError):
    """No blob has this digest."""


class MissingPackageError(ArchiveError):
    """An optional package is not installed."""


class NotLocalError(ArchiveError):
    """What only a directory here can give (code, a fork) was asked of a run that is read from far away."""


class BadPathError(ArchiveError, ValueError):
    """A path that the tree of an agent must not have."""


class OpenError(ArchiveError):
    """The directory cannot be opened as asked."""


class RunExistsError(OpenError):
    """There is something at the path of the new run already."""


class ForeignDirectoryError(OpenError):
    """The directory is not a run."""


class FormatVersionError(OpenError):
    """The run was written in a format version that this release does not read."""


class UnreachableError(OpenError):
    """The service that holds a run far away did not answer, or not to us."""


class RunLockedError(OpenError):
    """Another driver writes this run. `pid` and `host` are the holder's, None if it left no name."""

    def __init__(self, message: str, *, pid: int | None = None, host: str | None = None) -> None:
        super().__init__(message)
        self.pid = pid
        self.host = host


class CorruptArchiveError(OpenError):
    """The archive is damaged. `path` is the file, `line` (from 1) the line of a log segment."""

    def __init__(self, problem: str, *, path: str | PathLike[str] = "", line: int | None = None) -> None:
        where = fspath(path) + (f", line {line}" if line is not None else "")
        super().__init__(f"{where}: {problem}" if where else problem)
        self.path = fspath(path)
        self.line = line


class NotWritableError(ArchiveError):
    """Append to a closed archive, through a reader, or to a log that is not as its driver left it."""


class TakenOverError(NotWritableError):
    """Another driver took this run over while this one stood still. Nothing that this one writes counts any more."""


class WriteFailedError(ArchiveError):
    """The disk did not take it. The archive stands as it was before."""


class DiskFullError(WriteFailedError):
    """No space, quota or file-size limit reached. Free some and go on."""


def write_failed(what: str, error: OSError) -> WriteFailedError:
    """The error to raise where `error` kept us from writing `what`."""
    if error.errno in _FULL:
        return DiskFullError(f"no room to write {what} ({error.strerror}); free some space and go on")
    return WriteFailedError(f"could not write {what}: {error.strerror or error}")
