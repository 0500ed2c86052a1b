"""Any folder in the layout of the Aider polyglot benchmark, read as tasks; Python exercises only.

    <root>/python/exercises/practice/<exercise>/
        .docs/introduction.md?  instructions.md  instructions.append.md?     the instruction, in this order
        .meta/config.json                                                   which file is what
        .meta/example.py                                                    the reference
        stubs, tests                                                        as `.meta/config.json` names them

An agent gets the stubs and the files that the exercise calls `editor`; hints, tests and everything under
`.meta` stay on this side.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NoReturn

from dgm.benchmarks.base import Task
from dgm.benchmarks.errors import BenchmarkNotFoundError, BrokenExerciseError, NoTasksError
from dgm.benchmarks.unittest_files import has_tests, needs_pytest, unittest_ids
from sandbox import Files, Framework, TestSpec, Tier, files_digest

PRACTICE = Path("exercises") / "practice"
KATAS = Path(__file__).parent / "katas" / "exercises"
INSTRUCTIONS = ("introduction.md", "instructions.md", "instructions.append.md")
REMINDER = """\
---

Edit {files} in the workspace so that it does what is asked above. Keep the names of files, functions and
classes: tests import them by these names. Use only the standard library.
"""
MAX_FILE_BYTES = 1 << 20


class PolyglotBenchmark:
    """The Python exercises below a path, each a task `<name>/<exercise>`, in the order of their names.

    `path` may be the root that holds `python/exercises/practice`, the folder of the language, or `practice`
    itself. `seconds` is an agent's time, `test_seconds` that of one run of the hidden tests. `learn`: whether each
    task's tier and test ids are learned from its reference before a run; else tier A is taken where the tests are
    unittest's. Everything is read here and now, so that whatever is wrong with the folder is said before anything
    starts.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str = "polyglot",
        learn: bool = True,
        seconds: float = 120.0,
        test_seconds: float = 30.0,
    ) -> None:
        practice = _practice(Path(path))
        folders = sorted(
            entry for entry in practice.iterdir() if entry.is_dir() and entry.name[0] not in "._"
        )
        if not folders:
            raise NoTasksError(f"{practice} holds no exercises")
        self._name = name
        self._tasks = tuple(
            replace(_Exercise(folder).task(name, seconds, test_seconds), learn=learn) for folder in folders
        )

    @property
    def name(self) -> str:
        return self._name

    def tasks(self) -> tuple[Task, ...]:
        return self._tasks


def katas(name: str = "katas") -> PolyglotBenchmark:
    """The tasks that come with this package: 48 exercises of our own, in three bands."""
    return PolyglotBenchmark(KATAS, name=name, learn=False)


def _practice(path: Path) -> Path:
    if not path.is_dir():
        raise BenchmarkNotFoundError(f"{path} is not a folder")
    for candidate in (path / "python" / PRACTICE, path / PRACTICE):
        if candidate.is_dir():
            return candidate
    if any(path.glob("*/.meta")):
        return path
    others = sorted(found.parents[1].name for found in path.glob(f"*/{PRACTICE}"))
    if others:
        raise NoTasksError(f"{path} holds exercises for {', '.join(others)}, but none for python")
    raise BenchmarkNotFoundError(
        f"{path} holds no exercises: expected python/{PRACTICE} in it, or one folder for each exercise"
    )


@dataclass(frozen=True, kw_only=True)
class _Declared:
    """The files that `.meta/config.json` names, relative to the exercise."""

    solution: tuple[str, ...]
    test: tuple[str, ...]
    example: tuple[str, ...]
    editor: tuple[str, ...]


class _Exercise:
    """Reads one folder. Nothing is followed out of it: a symbolic link anywhere in it is refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for path in (folder, *sorted(folder.rglob("*"))):
            if path.is_symlink():
                raise BrokenExerciseError(path, "is a symbolic link, which an exercise may not hold")

    def task(self, benchmark: str, seconds: float, test_seconds: float) -> Task:
        declared = self._declared()
        files = self._read_all((*declared.solution, *declared.editor))
        task = Task(
            id=f"{benchmark}/{self._folder.name}",
            instruction=self._instruction(declared.solution),
            files=files,
            visible_tests=tuple(name for name in declared.editor if _is_test(name)),
            test=self._spec(declared, test_seconds),
            reference=self._reference(declared),
            seconds=seconds,
            tags=self._tags(),
            digest="",
        )
        return replace(task, digest=_digest(task))

    def _declared(self) -> _Declared:
        config = self._json(".meta/config.json")
        files = config.get("files")
        if not isinstance(files, dict):
            self._broken(".meta/config.json", "has no object `files`")
        named: dict[str, tuple[str, ...]] = {}
        for kind in ("solution", "test", "example", "editor"):
            listed = files.get(kind, [])
            if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
                self._broken(".meta/config.json", f"`files.{kind}` must be a list of file names")
            if not listed and kind != "editor":
                self._broken(".meta/config.json", f"`files.{kind}` names no file")
            for name in listed:
                if not name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                    self._broken(".meta/config.json", f"`files.{kind}` names {name!r}, which is not inside")
            named[kind] = tuple(dict.fromkeys(listed))
        hidden = {*named["test"], *named["example"]}
        if shown := sorted(hidden.intersection(named["solution"] + named["editor"])):
            self._broken(".meta/config.json", f"{shown[0]} is both hidden and given to the agent")
        if meta := [name for name in named["solution"] + named["editor"] if name.startswith(".")]:
            self._broken(".meta/config.json", f"{meta[0]} cannot be given to the agent")
        return _Declared(**named)

    def _instruction(self, editable: tuple[str, ...]) -> str:
        if not (self._folder / ".docs" / "instructions.md").is_file():
            self._broken(".docs/instructions.md", "is missing")
        present = [name for name in INSTRUCTIONS if (self._folder / ".docs" / name).is_file()]
        texts = [self._text(f".docs/{name}") for name in present]
        names = " and ".join(f"`{name}`" for name in editable)
        return "\n\n".join(text.strip() for text in [*texts, REMINDER.format(files=names)]) + "\n"

    def _spec(self, declared: _Declared, seconds: float) -> TestSpec:
        trees = {name: self._parse(name) for name in declared.test if name.endswith(".py")}
        run = tuple(name for name, tree in trees.items() if has_tests(tree))
        if not run:
            self._broken(declared.test[0], "holds no tests")
        modules = tuple(self._module(name) for name in declared.solution if name.endswith(".py"))
        pytest = any(needs_pytest(trees[name]) for name in run)
        ids = [unittest_ids(name, trees[name]) for name in run]
        known = None if pytest or None in ids else tuple(test for found in ids for test in found or ())
        return TestSpec(
            solution_files=declared.solution,
            test_files=self._read_all((*declared.editor, *declared.test)),
            run=run,
            modules=modules,
            tier=Tier.B if pytest else Tier.A,
            framework=Framework.PYTEST if pytest else Framework.UNITTEST,
            seconds=seconds,
            expected=known,
        )

    def _module(self, name: str) -> str:
        path = PurePosixPath(name.removesuffix("/__init__.py").removesuffix(".py"))
        if not all(part.isidentifier() for part in path.parts):
            self._broken(name, "cannot be imported by this name")
        return ".".join(path.parts)

    def _reference(self, declared: _Declared) -> Files:
        """Each example under the name of the solution file that it answers: by name, else by position."""
        by_name = {PurePosixPath(name).name: name for name in declared.example}
        names = [PurePosixPath(name).name for name in declared.solution]
        if set(names) <= set(by_name):
            examples = [by_name[name] for name in names]
        elif len(declared.example) == len(declared.solution):
            examples = list(declared.example)
        else:
            self._broken(
                ".meta/config.json",
                f"{len(declared.example)} examples cannot be matched to {len(declared.solution)} solutions",
            )
        return dict(zip(declared.solution, map(self._read, examples), strict=True))

    def _tags(self) -> Mapping[str, str]:
        tags = {"language": "python"}
        if (self._folder / ".meta" / "ladder.json").is_file():
            band = self._json(".meta/ladder.json").get("band")
            if not isinstance(band, str):
                self._broken(".meta/ladder.json", "has no `band`")
            tags["band"] = band
        return tags

    def _parse(self, name: str) -> ast.Module:
        try:
            return ast.parse(self._read(name))
        except (SyntaxError, ValueError) as error:
            self._broken(name, f"is not Python: {error}")

    def _json(self, name: str) -> dict[str, object]:
        try:
            value = json.loads(self._text(name))
        except (ValueError, RecursionError) as error:
            self._broken(name, f"is not valid JSON: {error}")
        if not isinstance(value, dict):
            self._broken(name, "must hold a JSON object")
        return value

    def _text(self, name: str) -> str:
        try:
            return self._read(name).decode()
        except UnicodeDecodeError as error:
            self._broken(name, f"is not UTF-8: {error}")

    def _read_all(self, names: tuple[str, ...]) -> Files:
        return {name: self._read(name) for name in names}

    def _read(self, name: str) -> bytes:
        path = self._folder / name
        if not path.is_file():
            self._broken(name, "is missing")
        if path.stat().st_size > MAX_FILE_BYTES:
            self._broken(name, f"is larger than {MAX_FILE_BYTES} bytes")
        return path.read_bytes()

    def _broken(self, name: str, reason: str) -> NoReturn:
        raise BrokenExerciseError(self._folder / name, reason)


def _is_test(name: str) -> bool:
    stem = PurePosixPath(name).name
    return stem.endswith("_test.py") or (stem.startswith("test_") and stem.endswith(".py"))


def _digest(task: Task) -> str:
    parts: Iterator[str] = iter((
        task.id,
        task.instruction,
        files_digest(task.files),
        repr(task.visible_tests),
        task.test.digest,
        files_digest(task.reference),
        repr(task.seconds),
        repr(sorted(task.tags.items())),
    ))  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
