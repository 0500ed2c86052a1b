"""What may differ between two drivers of one run, and how it is noted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import archive
from archive import Change, Outcome, Run, RunReader, TaskId, tree_hash
from dgm.config import Plain, differences, identity, with_new_keys
from dgm.ending import end_bounds
from dgm.errors import ConfigError
from dgm.prepare import Prepared, expansions
from dgm.schemas import leaves
from dgm.steering import CHANGE
from dgm.width import ALL

NOTED = ("budget", "workers")
"""Top-level keys whose changes between two drivers of one run are rows of `changes`."""


def refuse_another(prepared: Prepared, run: RunReader) -> None:
    """Refuse to go on with a run that was started with another configuration, agent, other tasks or a larger budget.

    A key that was not there yet when the run was started is no difference as long as it has its default.
    """
    started = with_new_keys(run.info.config, prepared.config)
    changed = differences(identity(started), identity(prepared.config))
    if changed:
        listed = "\n  ".join(changed)
        raise ConfigError(
            f"{prepared.path} was started with another configuration:\n  {listed}\n"
            "Give back those values to go on, or choose another `name`."
        )
    if run.info.seed_tree not in ("", tree_hash(prepared.seed_tree)):
        raise ConfigError(
            f"{prepared.path} was started from another agent than `{prepared.config['agent']}` is now: its files were "
            f"changed since. Bring them back as they were, "
            f"which git shows in {prepared.path}/code.git, or choose another `name`."
        )
    gone = [task for split in run.info.splits.values() for task in split if task not in prepared.tasks]
    if gone:
        raise ConfigError(
            f"{prepared.path} was started with tasks that the benchmark no longer has: {', '.join(gone[:5])}"
        )
    edited = sorted(_edited(prepared, run))
    if edited:
        raise ConfigError(
            f"{prepared.path} has evaluations of tasks that were changed since: {', '.join(edited[:5])}; "
            "bring back the tasks as they were to go on, or choose another `name`"
        )
    refuse_shrinkage(_in_force(run)["budget"], prepared.config["budget"])


def _edited(prepared: Prepared, run: RunReader) -> set[TaskId]:
    """Tasks of which evaluations count that were of other files, tests or instructions than today's."""
    edited: dict[int, TaskId] = {}
    for data in run.pieces("evaluations", "decision", "task", "outcome", "digests"):
        digests = pc.map_lookup(data["digests"], pa.scalar("task"), "first")
        different = pa.table({"task": data["task"].cast(pa.string()), "digest": digests}).group_by(
            ["task", "digest"]
        )
        pairs = different.aggregate([]).to_pylist()
        if not edited and all(_same(prepared, pair["task"], pair["digest"]) for pair in pairs):
            continue  # as good as always: no row of this piece needs to be looked at by itself
        columns = (data[name].to_pylist() for name in ("decision", "task", "outcome"))
        for decision, task, outcome, digest in zip(*columns, digests.to_pylist(), strict=True):
            if outcome == Outcome.VOID:
                continue
            if _same(prepared, task, digest):
                edited.pop(decision, None)
            else:
                edited[decision] = task
    return set(edited.values())


def _same(prepared: Prepared, task: TaskId, digest: str | None) -> bool:
    """Whether a digest, if one was recorded, is that of the task as it is today."""
    return digest is None or digest == prepared.tasks[task].digest


def refuse_shrinkage(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Raise ConfigError if a limit of the budget fell."""
    shrunk = shrinkage(before, after)
    if shrunk:
        listed = "\n  ".join(shrunk)
        raise ConfigError(f"a budget can only grow when a run goes on:\n  {listed}")


def shrinkage(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The dotted keys of a budget whose value fell, with both values.

    Null is no limit where it stands for no number.
    """
    old, new = (
        dict(leaves({**one, "expansions": expansions(one), **asdict(end_bounds(one))}, "budget"))
        for one in (before, after)
    )
    return [f"{key}: {old[key]} -> {new.get(key)}" for key in old if _limit(new.get(key)) < _limit(old[key])]


def _limit(value: object) -> float:
    return value if isinstance(value, int | float) else float("inf")


def _in_force(run: Run | RunReader) -> dict[str, Any]:
    """The values of the noted keys that the last driver of this run went by."""
    return _changed(run)[0]


def _changed(run: Run | RunReader) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of the noted keys that are in force, and those that commands gave when they started a driver.

    They differ where an operator changed a value while a driver ran.
    """
    force: dict[str, Any] = {key: _noted(run.info.config, key) for key in NOTED}
    given = dict(force)
    with archive.open(run.path) as reader:
        changes = reader.columns("changes", "seq", "kind", "after").to_pylist()
    live = {row["seq"] for row in changes if row["kind"] == CHANGE}
    for row in changes:
        if row["kind"] not in NOTED:
            continue
        before = force[row["kind"]]
        after = _noted({row["kind"]: json.loads(row["after"])}, row["kind"])
        force[row["kind"]] = after
        if row["seq"] not in live:
            given[row["kind"]] = _where_alike(before, after, given[row["kind"]], after)
    return force, given


def _where_alike(one: Any, other: Any, alike: Any, different: Any) -> Any:
    """`alike` with the leaves of `different` where `one` and `other` differ."""
    if not all(isinstance(value, Mapping) for value in (one, other, alike, different)):
        return alike if one == other else different
    return {
        key: _where_alike(one.get(key), other.get(key), alike.get(key), different[key]) for key in different
    }


def carried_on(config: Plain, run: RunReader) -> Plain:
    """The configuration that a command means which says the same as the one that began the run.

    What was changed while a driver ran stays changed, unless the command now says something else than commands did.
    """
    if not set(NOTED) <= set(run.info.config):
        return config
    force, given = _changed(run)
    return {
        **config,
        **{key: _where_alike(config[key], given[key], force[key], config[key]) for key in NOTED},
    }


def _noted(config: Plain, key: str) -> Mapping[str, Any]:
    """A noted key's value; runs of before there was `workers.width` filled all slots."""
    value: Mapping[str, Any] = config[key]
    return {"width": ALL, **value} if key == "workers" else value


def note_changes(run: Run, config: Plain) -> None:
    """Record what differs from the last driver's budget and workers: replay depends on it."""
    before = _in_force(run)
    for key in NOTED:
        after = _noted(config, key)
        if before[key] != after:
            run.append(
                Change(
                    seq=run.next_seq,
                    kind=key,
                    before=json.dumps(before[key], sort_keys=True),
                    after=json.dumps(after, sort_keys=True),
                    at=datetime.now(UTC),
                )
            )
