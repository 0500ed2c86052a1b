"""Every decision of a run made once more, from the rows before it alone: it must come out as it was recorded.

What a decision depended on stands in the run: its configuration, the budget that was in force (`changes`), the free
slots (in what the decision says it saw) and the rows with smaller numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from archive import Change, Decision, Entry, RunReader, Split
from dgm.choosing import NO_CHOICES
from dgm.config import build, differences
from dgm.deciding import Bounds, Decider, DriverError
from dgm.ending import CLOSED
from dgm.errors import ConfigError
from dgm.operators import Operator, mix_of
from dgm.prepare import choices_of, settings
from dgm.tree import Tree

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A decision that comes out otherwise: the keys that differ, recorded value first, and what explains it."""

    recorded: Decision
    keys: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """How many decisions came out as recorded, and the first that did not."""

    agreed: int
    difference: Difference | None


def replay(run: RunReader) -> Replayed:
    """Recompute the decisions of `run` in their order, up to the first difference.

    Raises ConfigError when the run's policy cannot be made here, for example because it is not installed.
    """
    config: Mapping[str, Any] = run.info.config
    if "policy" not in config:
        raise ConfigError(
            f"{run.path} does not say which policy decided, so its decisions cannot be made again"
        )
    operator: Operator = build(config, "operator")
    return replay_with(
        Decider(
            policy=build(config, "policy"),
            tree=Tree(run.info.splits[Split.SEARCH]),
            confirm=run.info.splits.get(Split.CONFIRM, ()),
            tests=run.info.splits[Split.TEST],
            operator=operator.name,
            mix=mix_of(operator),
            choices=choices_of(build(config, "llm")) if config["llm"].get("choice") else NO_CHOICES,
        ),
        run,
        lambda budget: settings(config, budget),
        config["budget"],
    )


def replay_with(
    decider: Decider[Any],
    run: RunReader,
    bounds_of: Callable[[Mapping[str, Any]], Bounds],
    budget: Mapping[str, Any],
) -> Replayed:
    """The same with a decider that has seen nothing yet; `bounds_of` reads a budget, `budget` is the first in force."""
    agreed, bounds = 0, bounds_of(budget)
    for entry in run.entries():
        for recorded in _decisions(entry):
            difference = _compared(decider, recorded, bounds)
            if difference is not None:
                return Replayed(agreed=agreed, difference=difference)
            agreed += 1
        for row in entry.rows:
            decider.observe(row)
            if isinstance(row, Change) and row.kind == "budget":
                bounds = bounds_of(json.loads(row.after))
    return Replayed(agreed=agreed, difference=None)


def _decisions(entry: Entry) -> list[Decision]:
    return [row for row in entry.rows if isinstance(row, Decision)]


def _compared(decider: Decider[Any], recorded: Decision, bounds: Bounds) -> Difference | None:
    slots = recorded.saw.get("slots")
    if not isinstance(slots, int):
        return Difference(recorded=recorded, fault="it does not say how many slots it saw")
    try:
        closed = recorded.saw.get(CLOSED)
        made = decider.decide(recorded.seq, bounds, slots, closed if isinstance(closed, int) else None)
    except DriverError as error:
        return Difference(recorded=recorded, fault=str(error))
    if made is None:
        return Difference(recorded=recorded, fault="nothing would have been decided here")
    keys = differences(asdict(recorded), asdict(made))
    return (
        Difference(recorded=recorded, keys=tuple(keys), fault=_other_version(recorded, made))
        if keys
        else None
    )


def _other_version(recorded: Decision, made: Decision) -> str:
    if (recorded.policy, recorded.policy_version) == (made.policy, made.policy_version):
        return ""
    return (
        f"version {recorded.policy_version} of policy {recorded.policy} decided it, here is version"
        f" {made.policy_version} of {made.policy}: the program that the run was made with can replay it"
    )


def report(run: RunReader, say: Say) -> int:
    """Say how the replay of `run` went; 1 when a decision came out otherwise."""
    replayed = replay(run)
    found = replayed.difference
    if found is None:
        say(f"{replayed.agreed} decisions made again from the rows before them: all as recorded")
        return 0
    recorded = found.recorded
    what = f"{recorded.kind} agent {recorded.agent[:12]}" + (f" on {recorded.task}" if recorded.task else "")
    say(f"{replayed.agreed} decisions came out as recorded, then decision {recorded.seq} did not: {what}")
    say(f"  it saw {json.dumps(recorded.saw, sort_keys=True)}")
    for line in found.keys:
        say(f"  {line}   (recorded -> made again)")
    if found.fault:
        say(f"  {found.fault}")
    return 1
