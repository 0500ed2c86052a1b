"""How an answer to a task is graded: which files count, which tests run, and in which tier."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sandbox.base import Files


class Tier(StrEnum):
    """How far the verdict is out of the solution's reach.

    A: the tests run in a trusted process and see the solution only through a channel for plain values.
    B: the tests run in the solution's own process, hardened and watched by sentinels: evidence, not proof.
    C: only the exit status of a command is seen: recorded as weak.
    """

    A = "A"
    B = "B"
    C = "C"


class Framework(StrEnum):
    UNITTEST = "unittest"
    PYTEST = "pytest"


@dataclass(frozen=True, kw_only=True)
class TestSpec:
    """The hidden side of a task.

    `solution_files` is the allowlist: nothing else is taken from an answer. `test_files` is everything the
    tests need, `run` names those of them that hold tests. `modules` are the import names under test, which
    tier A replaces by proxies. `seconds` bounds the whole test run. `expected` are the ids that must have
    run, each `<test file's stem>.<class>.<method>`; None where they are not known, and then any number but
    zero will do. `given` are those that pass before anything is solved, which no control needs to look at.
    `command` is what tier C runs in the workspace, with the test files copied over it.
    """

    __test__ = False  # not a pytest class

    solution_files: tuple[str, ...]
    test_files: Files
    run: tuple[str, ...]
    modules: tuple[str, ...]
    tier: Tier = Tier.A
    framework: Framework = Framework.UNITTEST
    seconds: float = 30.0
    expected: tuple[str, ...] | None = None
    given: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.solution_files:
            raise ValueError("a test specification must name at least one solution file")
        missing = [name for name in self.run if name not in self.test_files]
        if missing:
            raise ValueError(
                f"tests to run must be among the test files, but these are not: {', '.join(missing)}"
            )
        if self.tier is Tier.C and not self.command:
            raise ValueError("tier C needs the command whose exit status is the verdict")
        if self.tier is not Tier.C and not self.run:
            raise ValueError(f"tier {self.tier} needs at least one test file to run")
        if self.tier is Tier.A and self.framework is not Framework.UNITTEST:
            raise ValueError("tier A runs unittest files; pytest files need tier B")
        if self.seconds <= 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides a verdict, as hexadecimal digits."""
        head = (
            self.solution_files,
            self.run,
            self.modules,
            str(self.tier),
            str(self.framework),
            self.seconds,
            self.expected,
            self.given,
            self.command,
        )
        return hashlib.sha256(
            repr(head).encode() + b"\n" + files_digest(self.test_files).encode()
        ).hexdigest()


def files_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 of a tree of files: names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for path in sorted(files):
        name = path.encode("utf-8", "surrogatepass")
        digest.update(b"%d %d\n" % (len(name), len(files[path])))
        digest.update(name)
        digest.update(files[path])
    return digest.hexdigest()
