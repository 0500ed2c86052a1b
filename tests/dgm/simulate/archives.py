"""Runs whose truth is known: of a simulated search, and as arrays from a plain generator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng

from archive import Evaluation, Expansion, Row, RunInfo, Split, create_run
from dgm.policies import Policy
from dgm.simulate import Setting, Simulation, World
from dgm.simulate.past import Past, Spent

NOTHING = Spent(microusd=np.zeros(0), tokens=np.zeros(0), seconds=np.zeros(0))


class Recorded(Simulation):
    """A search whose rows are kept."""

    def __init__(self, policy: Policy[Any], world: World, seed: int, setting: Setting) -> None:
        self.told: list[tuple[Row, ...]] = []
        super().__init__(policy, world, seed, setting)

    def _tell(self, *rows: Row) -> None:
        self.told.append(rows)
        super()._tell(*rows)

    @property
    def rows(self) -> list[Row]:
        return [row for rows in self.told for row in rows]


def recorded(policy: Policy[Any], world: World, seed: int, **setting: Any) -> Recorded:
    """A search that has ended."""
    search = Recorded(policy, world, seed, Setting(**setting))
    search.run()
    return search


def written(search: Recorded, path: Path, confirm: tuple[str, ...] = (), seed_tree: str = "") -> Path:
    """The same as a run on disk, with a budget of 40 evaluations."""
    info = RunInfo(
        id="1" * 32,
        seed=1,
        config={"budget": {"evaluations": 40, "expansions": None, "confirm": None, "test_repeats": 2}},
        splits={Split.SEARCH: search.tree.tasks, Split.CONFIRM: confirm},
        seed_tree=seed_tree,
    )
    with create_run(path, info) as run:
        run.append_many(renumbered(search.told))
    return path


def renumbered(told: list[tuple[Row, ...]]) -> list[tuple[Row, ...]]:
    """The same entries with consecutive numbers, as an archive has them."""
    place = {rows[0].seq: n for n, rows in enumerate(told)}

    def moved(row: Row, seq: int) -> Row:
        if isinstance(row, Expansion | Evaluation):
            return replace(row, seq=seq, decision=place[row.decision])
        return replace(row, seq=seq)

    return [tuple(moved(row, n) for row in rows) for n, rows in enumerate(told)]


def lucky_parents(
    generator: Generator,
    *,
    children: int = 220,
    tasks: int = 40,
    results: tuple[int, ...] = (1, 2, 3, 6, 12),
    drift: float = -0.1,
    sd: float = 0.4,
    thin: float = 0.0,
) -> Past:
    """A tree in which the parent is whoever has the best share of wins so far, half of the time among those with ten
    results or more: thin parents are the lucky ones."""
    difficulty = generator.normal(0.5, 1.5, tasks)
    ability, parents, depths, known = [0.0], [-1], [0], [0]
    wins, counts = [0], [0]
    agent, task, resolved = [], [], []

    def evaluate(i: int, many: int) -> None:
        for t in generator.choice(tasks, many, replace=False):
            won = generator.random() < 1 / (1 + np.exp(difficulty[t] - ability[i]))
            agent.append(i)
            task.append(t)
            resolved.append(won)
            wins[i] += int(won)
            counts[i] += 1

    evaluate(0, 12)
    for _ in range(children):
        shares = np.array(wins) / np.array(counts) + generator.normal(0.0, 0.1, len(wins))
        if generator.random() < 0.5:
            shares[np.array(counts) < 10] = -1.0
        parent = int(shares.argmax())
        lack = max(0.0, 1 - counts[parent] / 10)
        ability.append(ability[parent] + drift - thin * lack + sd * generator.standard_normal())
        parents.append(parent)
        depths.append(depths[parent] + 1)
        known.append(counts[parent])
        wins.append(0)
        counts.append(0)
        evaluate(len(parents) - 1, int(generator.choice(results)))
    return Past(
        tasks=tasks,
        parents=np.array(parents),
        depths=np.array(depths),
        parent_results=np.array(known),
        agent=np.array(agent),
        task=np.array(task),
        resolved=np.array(resolved, dtype=np.bool_),
        outcomes={},
        evaluations=NOTHING,
        expansions=NOTHING,
    )


def naive_thin_effect(past: Past) -> float:
    """By how much scores of children gain more on their parents', if those had five results or more."""
    wins = np.bincount(past.agent, weights=past.resolved, minlength=len(past.parents))
    shares = wins / np.maximum(1, np.bincount(past.agent, minlength=len(past.parents)))
    gains = shares[1:] - shares[past.parents[1:]]
    thin = past.parent_results[1:] < 5
    return float(gains[~thin].mean() - gains[thin].mean())


def generator(seed: int) -> Generator:
    return default_rng(seed)
