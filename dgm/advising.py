"""`dgm simulate --from RUN`: a world fitted to a run, and what to choose for the next one in worlds drawn from it.

Several runs with the same seed agent (`--from` for each) are fitted together; the next run is like the first of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.random import default_rng

import archive
from archive import Decision, Row, RunReader, Split
from dgm.config import Plain, compose_and_run
from dgm.ending import end_bounds
from dgm.errors import ConfigError
from dgm.policies.pedigree.policy import floor_of
from dgm.prepare import expansions
from dgm.report.views import budget_in_force
from dgm.simulate import Found
from dgm.simulate.advice import EXPECTED, QUESTIONS, Frame, Option, advise
from dgm.simulate.chains import Priors
from dgm.simulate.fitting import SKEPTICAL, Fit, UnfitError, fit
from dgm.simulate.outlook import advice_lines, document, fit_lines, world_file, world_line
from dgm.simulate.past import past_of
from dgm.simulate.thin import ENOUGH, thin_logs, told
from dgm.simulating import Flags, Job, Say, check_numbers, found_by

POLICIES = ("huxley", "pedigree", "sica", "uniform")
OTHERS = ("darwin", "greedy", "hyper")
"""Compared, too, where the run was of theirs."""

FITTING = "fitting a world"
SEARCHES = (20, 200)
EVALUATIONS = 16_000
"""Evaluations to search with for each option: so many searches, within `SEARCHES`."""

Note = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the next run is by default: the budget in force of this one, its tasks, slots, and policy with settings."""

    name: str
    rows: tuple[Row, ...]
    budget: Mapping[str, Any]
    seed_tree: str
    search: tuple[str, ...]
    confirm: int
    slots: int
    policy: str
    settings: Mapping[str, Any]


def advise_from(runs: Sequence[Path], arguments: Sequence[str], flags: Flags, say: Say, note: Note) -> int:
    """Fit, search, and say what came of it. Raises ConfigError for a run that nothing can be fitted to."""
    sources = [source_of(run) for run in runs]
    if len({one.seed_tree for one in sources}) > 1:
        raise ConfigError("runs can be fitted together only if they began with the same seed agent")
    source, name = sources[0], ", ".join(one.name for one in sources)
    given = {argument.lstrip("+").partition("=")[0] for argument in arguments}
    if flags.plot or "-m" in given or "world" in given:
        raise ConfigError(
            "--from takes no -m, no --plot and no world=: it makes the worlds; policy=huxley,pedigree says which "
            "policies to compare, and world.thin=0.3 sets a part of the world"
        )
    plans = composed(arguments, source)
    if source.policy not in plans:
        note(
            f"policy={source.policy} of this run is not compared: policy={next(iter(plans))} counts as in use"
        )
    first = next(iter(plans.values()))
    check_numbers(first)
    if "seeds" in given and first["seeds"] < 2:
        raise ConfigError(
            "seeds must be at least 2 with --from, got 1: one search tells no difference from luck"
        )
    past = past_of((one.rows for one in sources), (task for one in sources for task in one.search))
    seed = int(first["first_seed"])
    note(f"{_step(FITTING)}: {len(past.parents)} agents, {len(past.agent)} results of {name}")
    try:
        wide = fit(past, seed, Priors())  # what the run says; worlds to search in are more careful
        priors = replace(SKEPTICAL, thin_sd=Priors().thin_sd) if past.children >= ENOUGH else SKEPTICAL
        fitted = fit(past, seed, priors)
    except UnfitError as error:
        raise ConfigError(f"{name}: {error}") from error
    frame = framed(source, plans, given)
    searches = _searches(frame, first, given)
    search = Searches(source, fitted, plans, given, searches, frame, note)
    advice = advise(frame, tuple(plans), search)
    thin, cost = thin_logs(past, wide), float(fitted.draws["expansion_cost"].mean())
    world = fitted.world(tasks=len(source.search))
    if flags.json:
        say(
            json.dumps(
                {"runs": [one.name for one in sources], **document(wide, thin, advice, cost), "world": world}
            )
        )
    else:
        lines = [*fit_lines(wide, name), *told(thin), *advice_lines(advice, cost, wide.depth)]
        say("\n".join([*lines, f"This world: dgm simulate {world_line(world)}"]))
    if flags.save:
        flags.save.parent.mkdir(parents=True, exist_ok=True)
        flags.save.write_text(world_file(world, name))
    return 0


def source_of(path: Path) -> Source:
    """The same of the run at `path`."""
    with archive.open(path) as run:
        return read(run)


def read(run: RunReader) -> Source:
    """What a run tells of the next one."""
    rows = tuple(row for entry in run.entries() for row in entry.rows)
    config, splits = run.info.config, run.info.splits
    budget = budget_in_force(run)
    if budget is None:
        raise ConfigError(f"{run.path} says no budget in its configuration; give a run that `dgm run` made")
    settings = config.get("policy")
    decisions = [row for row in rows if isinstance(row, Decision)]
    slots = [row.saw.get("slots") for row in decisions]
    policy = next((row.policy for row in decisions if row.split is Split.SEARCH), "")
    return Source(
        name=Path(str(run.path)).name,
        rows=rows,
        budget=budget,
        seed_tree=run.info.seed_tree,
        search=tuple(splits.get(Split.SEARCH, ())),
        confirm=len(splits.get(Split.CONFIRM, ())),
        slots=max((count for count in slots if isinstance(count, int)), default=1),
        policy=policy,
        settings=settings if isinstance(settings, Mapping) else {},
    )


def composed(arguments: Sequence[str], source: Source) -> dict[str, Plain]:
    """The configuration of each policy that is to be compared, by its choice in the group; that of the run as there."""
    chosen = [argument for argument in arguments if argument.startswith("policy=")]
    rest = [argument for argument in arguments if not argument.startswith("policy=")]
    given = chosen[-1].removeprefix("policy=").split(",") if chosen else compared(source.policy)
    policies = tuple(dict.fromkeys(given))
    plans: dict[str, Plain] = {}

    for policy in policies:

        def add(config: Plain, policy: str = policy) -> int:
            plans[policy] = _as_in_the_run(config, source, arguments) if policy == source.policy else config
            return 0

        compose_and_run([f"policy={policy}", *rest], add, command="simulate", name="simulate")
    if len(plans) < len(policies):
        raise SystemExit(0)  # Hydra printed what a flag such as --cfg asked for
    return plans


def compared(used: str) -> tuple[str, ...]:
    """The policies that are compared after a run by `used`."""
    return (*POLICIES, used) if used in OTHERS else POLICIES


def _as_in_the_run(config: Plain, source: Source, arguments: Sequence[str]) -> Plain:
    """With the settings that the policy had in the run, where it is the same one and no other value is given."""
    asked, ran = config["policy"], source.settings
    if ran.get("_target_") != asked["_target_"]:
        return config
    given = {argument.lstrip("+").partition("=")[0] for argument in arguments}
    kept = {
        key: ran[key]
        for key in asked
        if key in ran and f"policy.{key}" not in given and not isinstance(ran[key], Mapping | list)
    }
    return {**config, "policy": {**asked, **kept}}


def framed(source: Source, plans: Mapping[str, Plain], given: set[str]) -> Frame:
    """The budget of the next run: that of the run, or what was given."""
    asked = next(iter(plans.values()))["budget"]
    budget = dict(source.budget)
    if "budget.total" in given:
        budget["evaluations"] = asked["total"]
    if "budget.confirm" in given:
        budget["confirm"] = asked["confirm"]
    confirm = end_bounds(budget).confirm if source.confirm else 0
    workers = int(asked["workers"]) if "budget.workers" in given else source.slots
    return Frame(
        pot=int(budget["evaluations"]) + confirm,
        confirm=confirm,
        workers=workers,
        policy=source.policy,
        own_floor={
            name: floor_of(config["policy"]["floor"], workers)
            for name, config in plans.items()
            if "floor" in config["policy"]
        },
        set_floor={
            name: int(config["policy"]["floor"])
            for name, config in plans.items()
            if config["policy"].get("floor") is not None
        },
    )


def _step(what: str) -> str:
    """How far we are; a step is left out where it has nothing to ask."""
    steps = (FITTING, *QUESTIONS)
    return f"step {1 + steps.index(what)} of {len(steps)}, {what}"


def _searches(frame: Frame, config: Plain, given: set[str]) -> int:
    if "seeds" in given:
        return int(config["seeds"])
    least, most = SEARCHES
    return max(least, min(most, EVALUATIONS // max(1, frame.pot)))


class Searches:
    """Searches with options, each in its own draw of the world; fresh ones in as many further draws."""

    def __init__(
        self,
        source: Source,
        fitted: Fit,
        plans: Mapping[str, Plain],
        given: set[str],
        count: int,
        frame: Frame,
        note: Note,
    ) -> None:
        self._source, self._fit, self._plans, self._given = source, fitted, plans, given
        self._count, self._frame, self._note = count, frame, note
        first = next(iter(plans.values()))
        self._seed, self._processes = int(first["first_seed"]), int(first["processes"])
        draws = len(fitted.draws["sd"])
        order = default_rng(self._seed).permutation(draws)
        self._draws = [int(order[n % draws]) for n in range(2 * count)]

    def __call__(self, options: Sequence[Option], question: str) -> list[tuple[Found, ...]]:
        fresh = question == EXPECTED
        self._note(
            f"{_step(question)}: {self._count} searches with each of {len(options)} options"
            f"{', on fresh draws' if fresh else ''}"
        )
        first = self._count if fresh else 0
        jobs = [job for option in options for job in self._jobs(option, range(first, first + self._count))]
        found = found_by(jobs, self._processes)
        return [tuple(found[place : place + self._count]) for place in range(0, len(found), self._count)]

    def _jobs(self, option: Option, numbers: range) -> Iterator[Job]:
        for n in numbers:
            yield self._config(option, self._draws[n]), self._seed + n

    def _config(self, option: Option, draw: int) -> Plain:
        plan = self._plans[option.policy]
        asked, policy = plan["budget"], dict(plan["policy"])
        search = self._frame.pot - option.confirm
        charged = asked["expansion_cost"] if "budget.expansion_cost" in self._given else 0.0
        cost = self._drawn("expansion_cost", draw)
        if "expansion_cost" in policy and not charged:
            policy["expansion_cost"] = cost
        if option.floor is not None:
            policy["floor"] = option.floor
        cap = {**self._source.budget, "evaluations": search}
        budget = {
            "seed_known": False,
            "expansion_time": self._drawn("expansion_time", draw),
            "spread": self._drawn("spread", draw),
            "expansions": None if charged else expansions(cap),
            "finalists": end_bounds(self._source.budget).finalists,
        }
        budget = {key: value for key, value in budget.items() if f"budget.{key}" not in self._given}
        return {
            **plan,
            "policy": policy,
            "world": self._world(plan, draw),
            "budget": {
                **asked,
                **budget,
                "total": search,
                "confirm": option.confirm,
                "confirm_tasks": self._source.confirm,
                "workers": option.workers,
                "expansion_cost": charged,
            },
        }

    def _drawn(self, name: str, draw: int) -> float:
        return float(self._fit.draws[name][draw])

    def _world(self, plan: Plain, draw: int) -> Plain:
        world = self._fit.world(draw, tasks=len(self._source.search) + self._source.confirm)
        set_here = {key for key in plan["world"] if f"world.{key}" in self._given}
        return {**world, **{key: plan["world"][key] for key in set_here}}
