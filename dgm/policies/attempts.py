"""The baseline that a search has to beat: the unchanged seed, asked again and again."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from archive import Row
from dgm.policies.base import Action, View, Wait


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """No search at all: everything that may be spent goes into the seed's attempts at the test tasks.

    Harness evolution does not always beat plain resampling at equal compute (arXiv:2607.12227), so the gain of a search
    is to be read beside this. Its end is that of any run: the seed meets each test task `budget.test_repeats` times.
    With `like`, the directory of a run, that number is what the search of that run (expansions, search and confirm
    evaluations, void tries too) cost, divided by what one attempt of its seed at each test task did.
    """

    like: str | None = None
    name: str = "attempts"
    version: int = 1

    def start(self) -> None:
        return None

    def observe(self, belief: None, row: Row) -> None:
        return None

    def decide(self, belief: None, view: View, generator: Generator) -> Action:
        return Wait("the seed alone is tested")
