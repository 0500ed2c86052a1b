"""What makes a kata worth its place: checks for the people who write katas.

`shape_faults` only reads; `behaviour_faults` and `survivors` run the kata's own programs, which are ours and
trusted, in a plain child process. Grading an agent's answer is another matter and goes through a sandbox.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dgm.benchmarks.ladder import Ladder, LadderError, definitions, read_ladder
from dgm.benchmarks.mutants import Mutant, mutants

KILL_RATE: Final = 0.9
"""The share of a reference's mutants that the hidden tests must notice."""

CPU_SECONDS: Final = 3.0
"""Processor time after which a program counts as failed; a kata's tests need a hundredth of it."""

_SOLUTION_IMPORTS: Final = frozenset(
    {"__future__", "bisect", "collections", "collections.abc", "dataclasses", "decimal", "enum", "fractions"}
    | {"functools", "heapq", "itertools", "math", "operator", "re", "string", "typing"}
)
_TEST_IMPORTS: Final = frozenset({"unittest", "fractions", "decimal"})


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a program did on a test file. `failed`: assertions that did not hold; `errors`: everything else."""

    passed: bool
    run: int = 0
    failed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    cpu_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Survey:
    """How many mutants there are and which of them the hidden tests do not notice."""

    total: int
    survivors: tuple[Mutant, ...]

    @property
    def rate(self) -> float:
        return 1 - len(self.survivors) / self.total if self.total else 0.0


def shape_faults(folder: Path) -> tuple[str, ...]:
    """What does not hold about the kata's files, found by reading them."""
    try:
        ladder = read_ladder(folder)
        return tuple(_shape_faults(folder, ladder))
    except LadderError as error:
        return (str(error),)
    except (OSError, ValueError, SyntaxError) as error:
        return (f"{folder.name}: {type(error).__name__}: {error}",)


def _shape_faults(folder: Path, ladder: Ladder) -> Iterator[str]:
    module = ladder.module
    config = json.loads((folder / ".meta" / "config.json").read_text(encoding="utf-8"))
    expected = {
        "solution": [f"{module}.py"],
        "test": [f"{module}_test.py"],
        "example": [".meta/example.py"],
        "editor": [f"{module}_visible_test.py"],
    }
    if config.get("authors") != [] or not config.get("blurb") or config.get("files") != expected:
        yield f"config.json needs `authors` [], a `blurb` and `files` {expected}"
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    present = {path for path in present if "__pycache__" not in path}
    wanted = {name for names in expected.values() for name in names}
    wanted |= {".docs/instructions.md", ".meta/config.json", ".meta/ladder.json"}
    wanted |= {draft.file for draft in ladder.drafts}
    if present != wanted:
        yield f"missing files {sorted(wanted - present)}, unexpected files {sorted(present - wanted)}"
    for number, rule in enumerate(ladder.rules, start=1):
        if not (20 <= len(rule) <= 300 and rule.endswith(".")):
            yield f"rule {number} should be a sentence of 20 to 300 characters"
    yield from _stub_faults(ladder)
    for name, least, most in ((f"{module}_test.py", 5, 12), (f"{module}_visible_test.py", 2, 4)):
        text = (folder / name).read_text(encoding="utf-8")
        methods = re.findall(r"^    def (test_\w+)\(self\)(?: -> None)?:$", text, flags=re.MULTILINE)
        if not least <= len(set(methods)) == len(methods) <= most:
            yield f"{name} has {len(methods)} methods `test_...(self)`, expected {least} to {most}"
        if strange := _imports(text) - _TEST_IMPORTS - {module}:
            yield f"{name} imports {sorted(strange)}"


def _stub_faults(ladder: Ladder) -> Iterator[str]:
    if "raise NotImplementedError" not in ladder.stub:
        yield "the stub should raise NotImplementedError"
    surface = _surface(ladder.stub)
    programs = {".meta/example.py": ladder.reference} | {d.file: d.source for d in ladder.drafts}
    for file, source in programs.items():
        if missing := surface.items() - _surface(source).items():
            yield f"{file} does not define {sorted(name for name, _ in missing)} as the stub does"
        if strange := _imports(source) - _SOLUTION_IMPORTS:
            yield f"{file} imports {sorted(strange)}"
    for node in definitions(ladder.stub):
        if ast.get_docstring(node) is None:
            yield f"{node.name} has no docstring in the stub"


def _surface(source: str) -> dict[str, str]:
    """Public names with their signatures; a class with those of its public methods."""
    found: dict[str, str] = {}
    for node in definitions(source):
        functions = [node] if isinstance(node, ast.FunctionDef) else node.body
        found[node.name] = type(node).__name__
        for function in functions:
            if isinstance(function, ast.FunctionDef):
                returns = ast.unparse(function.returns) if function.returns else ""
                found[f"{node.name}.{function.name}"] = f"({ast.unparse(function.args)}) -> {returns}"
    return {name: text for name, text in found.items() if "._" not in name or "__init__" in name}


def _imports(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or ".")
    return found


def clashes(ladders: Sequence[Ladder]) -> tuple[str, ...]:
    """Titles, modules and names by which two katas could be mistaken for each other."""
    found: list[str] = []
    for number, one in enumerate(ladders):
        for other in ladders[number + 1 :]:
            if one.title.startswith(other.title) or other.title.startswith(one.title):
                found.append(f"{one.slug} and {other.slug} have titles that begin alike")
            if shared := set(one.names) & set(other.names):
                found.append(f"{one.slug} and {other.slug} both define {sorted(shared)}")
    return tuple(found)


def behaviour_faults(folder: Path) -> tuple[str, ...]:
    """What does not hold when stub, drafts and reference meet the hidden and the visible tests."""
    return tuple(_behaviour_faults(folder, read_ladder(folder)))


def _behaviour_faults(folder: Path, ladder: Ladder) -> Iterator[str]:
    sources = [ladder.reference, ladder.stub, *(draft.source for draft in ladder.drafts)]
    hidden = trials(ladder.module, hidden_tests(folder), sources)
    visible = trials(ladder.module, visible_tests(folder), sources)
    for name, results in (("hidden", hidden), ("visible", visible)):
        reference, stub = results[:2]
        if not reference.passed:
            yield f"the reference fails the {name} tests: {[*reference.failed, *reference.errors]}"
        elif reference.cpu_s > 0.5:
            yield f"the {name} tests take {reference.cpu_s:.1f} s of processor time, expected under 0.5 s"
        if stub.passed:
            yield f"the stub passes the {name} tests"
    shown = [trial.passed for trial in visible[2:]]
    if shown != sorted(shown) or not 0 < sum(shown) < len(shown):
        yield f"drafts should fail the visible tests up to some rung and pass them from there, got {shown}"
    for draft, on_hidden, on_visible in zip(ladder.drafts, hidden[2:], visible[2:], strict=True):
        if on_hidden.passed:
            yield f"{draft.file} passes the hidden tests"
        if not on_visible.passed and not on_visible.failed:
            yield f"{draft.file} fails the visible tests with no assertion that says so"
    counts = [len(trial.failed) + len(trial.errors) for trial in hidden[2:]]
    if counts != sorted(counts, reverse=True):
        yield f"a higher draft should fail no more hidden tests than a lower one, got {counts}"


def survey(folder: Path) -> Survey:
    """Try every mutant of the reference on the hidden tests."""
    ladder = read_ladder(folder)
    candidates = mutants(ladder.reference)
    results = trials(ladder.module, hidden_tests(folder), [mutant.source for mutant in candidates])
    alive = tuple(m for m, trial in zip(candidates, results, strict=True) if trial.passed)
    return Survey(total=len(candidates), survivors=alive)


def hidden_tests(folder: Path) -> str:
    return (folder / f"{folder.name.replace('-', '_')}_test.py").read_text(encoding="utf-8")


def visible_tests(folder: Path) -> str:
    return (folder / f"{folder.name.replace('-', '_')}_visible_test.py").read_text(encoding="utf-8")


def trials(module: str, tests: str, sources: Sequence[str]) -> tuple[Trial, ...]:
    """Run the unittest file `tests` against each of `sources` in turn, taken as the module named `module`.

    One child process forks once per source, so that a hundred mutants cost about a second.
    """
    request = {"module": module, "tests": tests, "sources": list(sources), "cpu_s": CPU_SECONDS}
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", _RUNNER],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            cwd=scratch,
            timeout=60 + 10 * CPU_SECONDS * len(sources),
            check=True,
        )
    return tuple(
        Trial(
            passed=row["passed"],
            run=row["run"],
            failed=tuple(row["failed"]),
            errors=tuple(row["errors"]),
            cpu_s=row["cpu_s"],
        )
        for row in map(json.loads, done.stdout.splitlines())
    )


_RUNNER: Final = """
import json, os, resource, signal, sys, types, unittest

LOST = {"passed": False, "run": 0, "failed": [], "errors": ["ended early"], "cpu_s": 0.0}

def load(name, source):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
    return module

def last_line(text):
    lines = [line for line in text.splitlines() if line[:1].isalpha()]
    return lines[-1] if lines else "?"

def attempt(request, source):
    try:
        load(request["module"], source)
        tests = load(request["module"] + "_test", request["tests"])
    except BaseException as error:
        return LOST | {"errors": [repr(error)]}
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(tests).run(result)
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    said = lambda pairs: [test.id() + ": " + last_line(text) for test, text in pairs]
    return {
        "passed": result.wasSuccessful() and result.testsRun > 0,
        "run": result.testsRun,
        "failed": said(result.failures),
        "errors": said(result.errors),
        "cpu_s": cpu.ru_utime + cpu.ru_stime,
    }

request = json.load(sys.stdin)
for source in request["sources"]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])
        signal.setitimer(signal.ITIMER_REAL, request["cpu_s"] * 10)
        with open(writer, "w") as pipe:
            pipe.write(json.dumps(attempt(request, source)))
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    print(text or json.dumps(LOST))
"""
