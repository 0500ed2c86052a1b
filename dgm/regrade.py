"""Stored answers graded again, in fresh boxes and without a model.

A re-grade is a result of its own that names the evaluation it replaces; the last grade of an answer counts. One call is
a *pass*: a change `regrade` opens it and another closes it, so a pass that was cut short goes on with the same command.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import archive
from archive import Change, Evaluation, Outcome, Row, Run, TaskId, resume_run
from dgm.benchmarks import Task
from dgm.config import Plain
from dgm.errors import ConfigError, LookUpError
from dgm.grader import Attempts, Grader, Say, grade_all
from dgm.interrupts import Stops
from dgm.prepare import as_graded, box_limits, read_tasks, runtime_of
from dgm.report import RunView, regrade_text, view_of
from dgm.results import Regrade, regrades
from sandbox import Level, Sandbox, grader_digest, open_sandbox

CHANGE = "regrade"
"""Kind of the changes that open and close a pass."""

STOPPED = 130


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which answers: those of all counted evaluations that were graded, or fewer.

    `evaluations` are beginnings of ids, `agent` is one, `seed` or `best`; `changed` asks for those that other tests or
    another grader graded than today's. `new_tests` allows tasks that were changed since.
    """

    evaluations: tuple[str, ...] = ()
    agent: str | None = None
    task: str | None = None
    changed: bool = False
    new_tests: bool = False

    @property
    def text(self) -> str:
        """By which a pass that was cut short is known again."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """`rows` have an answer to grade; `left` counts, by outcome, those in which there was none."""

    rows: tuple[Evaluation, ...]
    left: Mapping[Outcome, int]


def regrade(path: Path, request: Request, *, slots: int | None, level: str | None, say: Say) -> int:
    """Grade again what is asked for. 0: every verdict is as it was; 1: one is not, or was not had; 130: stopped."""
    with Stops() as stops, resume_run(path) as run:
        view = _view(path)
        best = view.best()
        known, _ = read_tasks(run.info.config)
        chosen = select(view, request)
        refuse_edited(chosen.rows, known, request)
        if chosen.left:
            listed = ", ".join(f"{count} {outcome}" for outcome, count in sorted(chosen.left.items()))
            say(f"left as they are, since no answer was graded: {listed}")
        since = open_pass(view.rows, request)
        done = set() if since is None else {one.after.decision for one in _pass(view, since)}
        todo = [row for row in chosen.rows if row.decision not in done]
        count = slots or _slots(run.info.config)
        failed: Mapping[str, str] = {}
        stopped = False
        if todo:
            with closing(open_box_maker(view, level, count, runtime_of(run.info.config))) as box_maker:
                tasks = as_graded(
                    [known[task] for task in dict.fromkeys(row.task for row in todo)], box_maker
                )
                todo = [row for row in todo if not request.changed or _is_changed(row, tasks[row.task])]
                if todo and since is None:
                    since = _note(run, before="", after=request.text)
                attempts = Attempts(run.info.id, view.rows)
                grader = Grader(run.blobs, tasks, box_maker, box_limits(run.info.config), attempts)
                say(f"{len(todo)} to grade again, {len(done)} done, in {box_maker.level}, {count} at a time")
                stops.count()
                failed, stopped = grade_all(run, grader, todo, slots=count, stops=stops, say=say)
        if since is None:
            say("nothing to grade again")
            return 0
        after = _view(path)
        found = _pass(after, since)
        if not failed and not stopped:
            _note(run, before=request.text, after=json.dumps({"graded": len(found)}))
    _report(found, failed, best, after, say)
    if stopped:
        say("stopped; the same command goes on")
        return STOPPED
    return 1 if failed or any(one.changed for one in found) else 0


def select(view: RunView, request: Request) -> Selection:
    """The last grades that the request asks for, whether changed or not. Raises LookUpError for what is not there."""
    rows = view.evaluations
    if request.evaluations:
        named = {_decision(view, prefix) for prefix in request.evaluations}
        rows = [row for row in rows if row.decision in named]
    if request.agent is not None:
        agent = view.agent(request.agent).id
        rows = [row for row in rows if row.agent == agent]
    if request.task is not None:
        task = _task(view, request.task)
        rows = [row for row in rows if row.task == task]
    left = Counter(row.outcome for row in rows if not row.tier)
    return Selection(rows=tuple(row for row in rows if row.tier), left=left)


def refuse_edited(rows: Sequence[Evaluation], tasks: Mapping[TaskId, Task], request: Request) -> None:
    """Refuse tasks that are gone, and those that are others than the run froze unless the request allows it."""
    gone = sorted({row.task for row in rows} - tasks.keys())
    if gone:
        raise ConfigError(f"the benchmark no longer has these tasks of the run: {', '.join(gone[:5])}")
    edited = sorted({row.task for row in rows if row.digests.get("task") != tasks[row.task].digest})
    if edited and not request.new_tests:
        raise ConfigError(
            f"tasks were changed since their answers were graded: {', '.join(edited[:5])}; bring them back as they "
            "were, or grade by what they are now with --new-tests"
        )


def open_pass(rows: Sequence[Row], request: Request) -> int | None:
    """Number of the change that opened the last pass, if that was this request and nothing closed it."""
    passes = [row for row in rows if isinstance(row, Change) and row.kind == CHANGE]
    return passes[-1].seq if passes and passes[-1].after == request.text else None


def open_box_maker(view: RunView, level: str | None, slots: int, runtime: str | None) -> Sandbox:
    """A sandbox as strong as the strongest that the run had; `level` may ask for a stronger one."""
    recorded = next((one for one in Level if one in view.levels), Level.DOCKER)
    return open_sandbox(level or recorded, at_least=recorded, running=slots, runtime=runtime)


def _report(found: Sequence[Regrade], failed: Mapping[str, str], best: str, view: RunView, say: Say) -> None:
    for id, reason in failed.items():
        say(f"could not be graded, and stays as it was: {id[:10]}: {reason}")
    changed = [one for one in found if one.changed]
    say(
        f"{len(found)} answers graded again: {len(found) - len(changed)} verdicts as before, {len(changed)} changed"
    )
    for one in changed:
        say(f"  {regrade_text(one)}")
    now = view.best()
    if now != best:
        say(
            f"the best agent was {best[:10]} and is {now[:10]} by the grades that count now; the run's own "
            "command goes on from them and tests it"
        )


def _slots(config: Plain) -> int:
    return int(config["workers"]["slots"]) or os.cpu_count() or 1


def _view(path: Path) -> RunView:
    with archive.open(path) as reader:
        return view_of(reader)


def _pass(view: RunView, since: int) -> list[Regrade]:
    return [one for one in regrades(view.rows) if one.after.seq > since]


def _note(run: Run, *, before: str, after: str) -> int:
    return run.append(Change(seq=run.next_seq, kind=CHANGE, before=before, after=after, at=datetime.now(UTC)))


def _decision(view: RunView, prefix: str) -> int:
    """The decision of the one evaluation whose id begins so, re-grades included."""
    rows = [row for row in view.rows if isinstance(row, Evaluation)]
    found = {row.id: row for row in rows if prefix and row.id.startswith(prefix)}
    if len(found) != 1:
        kind = "no evaluation" if not found else f"{len(found)} evaluations"
        raise LookUpError(f"{kind} of this run begins with {prefix!r}; `dgm show RUN AGENT` lists an agent's")
    (row,) = found.values()
    if not row.outcome.counted and row.decision not in {other.decision for other in view.evaluations}:
        raise LookUpError(
            f"evaluation {row.id} is void: it is no evidence, so there is nothing to grade again"
        )
    return row.decision


def _task(view: RunView, name: str) -> TaskId:
    known = [task for tasks in view.tasks.values() for task in tasks]
    found = [task for task in known if name in (task, task.rpartition("/")[2])]
    if len(found) != 1:
        kind = "no task" if not found else f"{len(found)} tasks"
        raise LookUpError(f"{kind} of this run is called {name!r}; `dgm tasks RUN` lists them")
    return found[0]


def _is_changed(row: Evaluation, task: Task) -> bool:
    today = task.test.digest, grader_digest()
    return (row.digests.get("tests"), row.digests.get("grader")) != today
