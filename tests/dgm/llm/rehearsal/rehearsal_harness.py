"""Thousands of cheap rollouts of agents that we wrote ourselves.

A rollout here is the agent's own `solve.py` (or `improve.py`) with a module `openai` whose client calls the stand-in
directly, in a process that serves many of them. There is no sandbox: this runs the seed, the committed repertoire's
edits of it and the agents beside this file, and nothing that a real model wrote. `python3` on its PATH remembers
what a test run printed for the same files, and a solution's hidden tests are run once, so a rollout costs
milliseconds.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import json
import multiprocessing
import os
import runpy
import shutil
import signal
import sys
import tempfile
import time
import types
import unittest
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from archive import Outcome
from dgm.benchmarks.polyglot import REMINDER
from dgm.gates import smoke as gate
from dgm.llm.backends.rehearsal import reply
from dgm.llm.backends.rehearsal.facts import last_rung
from dgm.llm.backends.rehearsal.katas import KATAS
from dgm.llm.backends.rehearsal.repertoire import EDITS, change
from dgm.operators.single_failure import SAID
from dgm.prompts import prompt

ROOT = Path(__file__).parents[4]
SEED = ROOT / "dgm" / "seed"
PRACTICE = ROOT / "dgm" / "benchmarks" / "katas" / "exercises" / "python" / "exercises" / "practice"
PLACE = (
    Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()) / f"rehearsal-{os.getuid()}"
)

Tree = Mapping[str, bytes]


@dataclass(frozen=True)
class Exercise:
    """One kata as a task: instruction, workspace, hidden test."""

    slug: str

    @property
    def folder(self) -> Path:
        return PRACTICE / self.slug

    @property
    def module(self) -> str:
        return self.slug.replace("-", "_")

    @cached_property
    def band(self) -> str:
        return str(json.loads((self.folder / ".meta" / "ladder.json").read_text())["band"])

    @cached_property
    def instruction(self) -> str:
        text = (self.folder / ".docs" / "instructions.md").read_text().strip()
        return f"{text}\n\n{REMINDER.format(files=f'`{self.module}.py`')}\n"

    @cached_property
    def workspace(self) -> Tree:
        names = (f"{self.module}.py", f"{self.module}_visible_test.py")
        return {name: (self.folder / name).read_bytes() for name in names}

    @cached_property
    def hidden(self) -> Tree:
        name = f"{self.module}_test.py"
        return {name: (self.folder / name).read_bytes()}


def splits() -> dict[str, tuple[Exercise, ...]]:
    """The katas dealt within each band by the hash of their task id: search 8, confirm 3, test 5."""
    dealt: dict[str, list[Exercise]] = {"search": [], "confirm": [], "test": []}
    exercises = [Exercise(ladder.parents[1].name) for ladder in PRACTICE.glob("*/.meta/ladder.json")]
    for band in ("easy", "middle", "hard"):
        order = sorted(
            (e for e in exercises if e.band == band),
            key=lambda e: hashlib.sha256(f"katas/{e.slug}".encode()).digest(),
        )
        for split, part in (("search", order[:8]), ("confirm", order[8:11]), ("test", order[11:16])):
            dealt[split] += part
    return {split: tuple(part) for split, part in dealt.items()}


def sample(seed: int, decision: int) -> bytes:
    """What a decision's model calls are drawn from, as in a real run."""
    return np.random.SeedSequence(seed, spawn_key=(decision, 2)).generate_state(4, np.uint32).tobytes()


def read_tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def write_tree(tree: Tree, folder: Path) -> None:
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def digest(tree: Tree) -> str:
    whole = hashlib.sha256()
    for name in sorted(tree):
        whole.update(name.encode() + b"\0" + hashlib.sha256(tree[name]).digest())
    return whole.hexdigest()[:24]


@dataclass(frozen=True, kw_only=True)
class Solved:
    """How one rollout ended."""

    resolved: bool
    passes_visible: bool
    visible_output: str
    crashed: bool
    calls: int
    transcript: Sequence[Mapping[str, object]] = ()
    answer: str = ""


@dataclass(frozen=True)
class Job:
    tree: Tree
    exercise: Exercise
    sample: bytes
    keep: bool = False


def solve(job: Job) -> Solved:
    """One rollout of `solve`."""
    exercise = job.exercise
    files, exchanges, crashed = _rollout(
        job.tree, "solve.py", exercise.instruction, exercise.workspace, {}, job.sample
    )
    answer = files.get(f"{exercise.module}.py", b"").decode("utf-8", "replace")
    resolved, _ = _tested(exercise, answer, hidden=True)
    passes, output = _tested(exercise, answer, hidden=False) if job.keep else (False, "")
    return Solved(
        resolved=resolved,
        passes_visible=passes,
        visible_output=output,
        crashed=crashed,
        calls=len(exchanges),
        transcript=_transcript(exchanges) if job.keep else (),
        answer=answer if job.keep else "",
    )


@dataclass(frozen=True)
class Expansion:
    """One attempt at a child. `evidence` maps names to texts, as laid into `DGM_EVIDENCE`."""

    tree: Tree
    evidence: Mapping[str, str]
    sample: bytes


@dataclass(frozen=True, kw_only=True)
class Child:
    """What became of it: `outcome` is child, no_change or gated."""

    outcome: str
    tree: Tree
    transcript: Sequence[Mapping[str, object]] = field(default=())


def expand(job: Expansion) -> Child:
    """One run of a parent's `improve`, then the child's own check."""
    files, exchanges, _ = _rollout(
        job.tree, "improve.py", job.evidence["brief.md"], job.tree, job.evidence, job.sample
    )
    tree = {name: content for name, content in files.items() if "__pycache__" not in name}
    transcript = _transcript(exchanges)
    if tree == dict(job.tree):
        return Child(outcome="no_change", tree=tree, transcript=transcript)
    ok = tree["agent.toml"] == job.tree["agent.toml"] and passes(tree)
    return Child(outcome="child" if ok else "gated", tree=tree, transcript=transcript)


def smoke(tree: Tree) -> bool:
    """The gate of the same name: whether `solve` carries a scripted conversation to the known answer."""
    files, _, _ = _rollout(tree, "solve.py", gate.INSTRUCTION, gate.WORKSPACE, {}, None)
    return gate.passed(files, bytes(16))


def passes(tree: Tree) -> bool:
    return check(tree) and smoke(tree)


def check(tree: Tree) -> bool:
    """Whether the agent's own tests pass."""
    place = _tree_place(tree)

    def run() -> None:
        os.chdir(place)
        sys.path.insert(0, str(place))
        sys.argv = ["unittest", "-q"]
        unittest.main(module=None)

    return _forked(run) == 0


def evidence(exercise: Exercise, solved: Solved) -> dict[str, str]:
    """What an expansion that starts from a failed rollout is shown."""
    untouched = solved.answer.encode() == exercise.workspace[f"{exercise.module}.py"]
    outcome = SAID[Outcome.NO_ANSWER if untouched else Outcome.UNRESOLVED]
    return {
        "brief.md": prompt("improve_from_failure", outcome=outcome, instruction=exercise.instruction),
        "rollouts/1/transcript.json": json.dumps(list(solved.transcript)),
        "rollouts/1/answer.diff": solved.answer,
        "rollouts/1/visible_tests.txt": solved.visible_output,
    }


NO_EVIDENCE = {"brief.md": prompt("improve_in_general")}


class Bench:
    """Runs jobs on a few processes, in order."""

    def __init__(self, processes: int = 2) -> None:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._place = tempfile.TemporaryDirectory(dir=memory, prefix="rehearsal-", ignore_cleanup_errors=True)
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(processes, initializer=_prepare, initargs=(self._place.name,))

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()
        self._pool.join()
        self._place.cleanup()

    def solve(self, jobs: Iterable[Job]) -> Iterator[Solved]:
        return self._pool.imap(solve, jobs, chunksize=8)

    def expand(self, jobs: Iterable[Expansion]) -> Iterator[Child]:
        return self._pool.imap(expand, jobs, chunksize=2)

    def score(self, tree: Tree, exercises: Sequence[Exercise], *, seed: int, repeats: int) -> np.ndarray:
        """Resolved (1) or not (0), one row a repeat, one column an exercise."""
        return self.scores([tree] * repeats, exercises, seed=seed)

    def scores(self, trees: Sequence[Tree], exercises: Sequence[Exercise], *, seed: int) -> np.ndarray:
        """The same with a tree for each repeat; two calls with one seed give every place the same sample."""
        jobs = [
            Job(tree, exercise, sample(seed, repeat * 1000 + place))
            for repeat, tree in enumerate(trees)
            for place, exercise in enumerate(exercises)
        ]
        return np.array([float(solved.resolved) for solved in self.solve(jobs)]).reshape(
            len(trees), len(exercises)
        )

    def gates(self, trees: Iterable[Tree]) -> list[bool]:
        """Which trees pass the agent's own check and the smoke gate."""
        return list(self._pool.imap(passes, trees))


def edited(tree: Tree, name: str, magnitude: bytes) -> Tree | None:
    """The tree after one edit of the repertoire, all of its files being shown; None if it does not fit."""
    files = {path: text.decode() for path, text in tree.items() if path.endswith((".py", ".md", ".txt"))}
    files = {path: text for path, text in files.items() if not path.startswith("tests/")}
    found = change(EDITS[name], files, magnitude)
    if found is None:
        return None
    return {**tree, found.path: files[found.path].replace(found.before, found.after).encode()}


def measured(
    bench: Bench,
    root: Tree,
    names: Sequence[str],
    base: np.ndarray,
    exercises: Sequence[Exercise],
    *,
    seed: int,
) -> tuple[float, float] | None:
    """What the edits, made one after the other, change in the score; None if one does not fit.

    `base` is the score of `root` with the same seed, a row a repeat. Magnitudes vary over the repeats.
    """
    trees: list[Tree] = []
    for repeat in range(len(base)):
        tree: Tree | None = root
        for name in names:
            tree = tree and edited(tree, name, sample(seed, repeat))
        if tree is None:
            return None
        trees.append(tree)
    return interval(bench.scores(trees, exercises, seed=seed) - base)


def interval(differences: np.ndarray) -> tuple[float, float]:
    """Mean and half of the 95 % interval over repeats, in points, for these exercises."""
    repeats = differences.mean(axis=1)
    return 100 * float(repeats.mean()), 100 * 1.96 * float(repeats.std(ddof=1)) / len(repeats) ** 0.5


# How it is done: forked processes, a stub client, results remembered.


def _prepare(place: str) -> None:
    global PLACE  # one bench per process
    PLACE = Path(place)
    for kata in KATAS.values():  # what a process would fold first; a forked one finds it done
        for text in (kata.stub, *kata.ladder):
            last_rung(kata.title, text)
    gc.collect()
    gc.freeze()
    (PLACE / "bin").mkdir(exist_ok=True)
    (PLACE / "runs").mkdir(exist_ok=True)
    shim = PLACE / "bin" / "python3"
    real = sys.executable
    text = f"""#!/bin/sh
case "$*" in *unittest*) ;; *) exec {real} "$@" ;; esac
key=$({{ printf '%s\\n' "$*"; cat ./*.py ./*/*.py ./*/*.md; }} 2>/dev/null | md5sum)
memo={PLACE}/runs/${{key%% *}}
if [ ! -e "$memo" ]; then
  {real} "$@" >"$memo.out.$$" 2>"$memo.err.$$"; echo $? >"$memo.$$"
  mv "$memo.out.$$" "$memo.out"; mv "$memo.err.$$" "$memo.err"; mv "$memo.$$" "$memo"
fi
if [ -s "$memo.out" ]; then cat "$memo.out"; fi
cat "$memo.err" >&2; read code <"$memo"; exit "$code"
"""
    if not shim.exists() or shim.read_text() != text:
        fresh = shim.with_name(f"python3.{os.getpid()}")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.rename(shim)


def _tree_place(tree: Tree) -> Path:
    place = PLACE / "trees" / digest(tree)
    if not place.exists():
        fresh = place.with_name(f"{place.name}.{os.getpid()}")
        write_tree(tree, fresh)
        try:
            fresh.rename(place)
        except OSError:
            shutil.rmtree(fresh)
    return place


def _rollout(
    tree: Tree, entry: str, instruction: str, workspace: Tree, shown: Mapping[str, str], source: bytes | None
) -> tuple[dict[str, bytes], list[list[object]], bool]:
    """What lies in the workspace afterwards, the exchanges, and whether the agent's process failed."""
    place = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        write_tree(workspace, place / "work")
        write_tree({name: text.encode() for name, text in shown.items()}, place / "evidence")
        (place / "instruction.md").write_text(instruction)
        tree_place = _tree_place(tree)
        exchanges: list[list[object]] = []

        def run() -> None:
            os.environ.clear()
            os.environ.update(
                PATH=f"{PLACE}/bin:/usr/local/bin:/usr/bin:/bin",
                DGM_INSTRUCTION=f"{place}/instruction.md",
                DGM_WORKSPACE=f"{place}/work",
                DGM_EVIDENCE=f"{place}/evidence",
                DGM_MODEL="improve" if shown else "solve",
                DGM_DEADLINE=str(time.time() + 60),
                OPENAI_BASE_URL="http://127.0.0.1:8080/v1",
                OPENAI_API_KEY="dummy",
                PYTHONDONTWRITEBYTECODE="1",  # for the processes that the agent starts
            )
            os.chdir(tree_place)
            sys.path.insert(0, str(tree_place))
            sys.argv = [entry]
            sys.modules["openai"] = _openai(source, exchanges)
            runpy.run_path(entry, run_name="__main__")

        crashed = not _inside(run, tree_place)
        return read_tree(place / "work"), exchanges, crashed
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _openai(source: bytes | None, exchanges: list[list[object]]) -> types.ModuleType:
    """A module that looks like `openai` to an agent, with the stand-in (or the smoke gate) behind its client."""

    def create(*, messages: list[object], model: str, tools: object = None, **_: object) -> object:
        request = json.loads(json.dumps({"model": model, "messages": messages, "tools": tools}))
        message = dict(
            gate.reply(request, bytes(16), len(exchanges))
            if source is None
            else reply(request, source).message
        )
        exchanges.append([request["messages"], message])
        return _Attributes(choices=[_Attributes(message=_attributes(message), finish_reason="stop")])

    module = types.ModuleType("openai")
    client = _Attributes(chat=_Attributes(completions=_Attributes(create=create)))
    module.OpenAI = lambda **_: client  # type: ignore[attr-defined]
    return module


class _Attributes:
    def __init__(self, **named: object) -> None:
        self.__dict__.update(named)

    def model_dump(self, **_: object) -> object:
        return {key: _plain(value) for key, value in self.__dict__.items() if value is not None}


def _attributes(message: Mapping[str, object]) -> _Attributes:
    calls = [
        _Attributes(id=call["id"], type="function", function=_Attributes(**call["function"]))
        for call in message.get("tool_calls") or []
    ]
    return _Attributes(role="assistant", content=message["content"], tool_calls=calls or None)


def _plain(value: object) -> object:
    if isinstance(value, _Attributes):
        return value.model_dump()
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _transcript(exchanges: list[list[object]]) -> list[Mapping[str, object]]:
    return [*exchanges[-1][0], exchanges[-1][1]] if exchanges else []


def _inside(run: Callable[[], None], tree_place: Path, seconds: int = 30) -> bool:
    """Run an agent in this very process and put everything back; whether it ended well.

    A process per rollout would cost more than the rollout. The agent's modules are imported afresh each time.
    """
    environment, path, argv, place = dict(os.environ), list(sys.path), list(sys.argv), Path.cwd()

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run()
    except SystemExit as end:
        return end.code in (None, 0)
    except BaseException:  # noqa: BLE001 - whatever the agent raised, its process would have failed
        return False
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:], sys.argv[:] = path, argv
        os.chdir(place)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(f"{tree_place}/") or name == "openai":
                del sys.modules[name]
    return True


def _forked(run: object, seconds: int = 30) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        run()  # type: ignore[operator]
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else 1)
    except BaseException:  # noqa: BLE001 - whatever the agent raised, its process failed
        os._exit(1)
    os._exit(0)


_known: dict[tuple[str, str, bool], tuple[bool, str]] = {}


def _tested(exercise: Exercise, answer: str, *, hidden: bool) -> tuple[bool, str]:
    """Whether a solution text passes the hidden or the visible tests, and what they print; run once per text."""
    key = (exercise.slug, answer, hidden)
    if key not in _known:
        _known[key] = _run_tests(exercise, answer, hidden)
    return _known[key]


def _run_tests(exercise: Exercise, answer: str, hidden: bool) -> tuple[bool, str]:
    place = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        write_tree(
            {**(exercise.hidden if hidden else exercise.workspace), f"{exercise.module}.py": answer.encode()},
            place,
        )

        def run() -> None:
            os.chdir(place)
            sys.path.insert(0, str(place))
            said = io.StringIO()
            name = f"{exercise.module}_test" if hidden else f"{exercise.module}_visible_test"
            suite = unittest.defaultTestLoader.loadTestsFromName(name)
            passed = unittest.TextTestRunner(said).run(suite).wasSuccessful()
            (place / "said").write_text(said.getvalue().replace(f"{place}/", ""))
            raise SystemExit(0 if passed else 1)

        code = _forked(run)
        said = place / "said"
        return code == 0, said.read_text() if said.exists() else ""
    finally:
        shutil.rmtree(place, ignore_errors=True)
