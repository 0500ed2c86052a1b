"""Surrogate worlds in which policies are compared without models or sandboxes."""

from dgm.simulate.picture import draw
from dgm.simulate.search import Found, Setting, Simulation
from dgm.simulate.skills import Skills
from dgm.simulate.summary import Summary, compared, summary
from dgm.simulate.told import Pair, Planned, Searched, document, pairs, searched, table
from dgm.simulate.worlds import Inherited, Made, Plateaus, Rasch, Sparse, Tasks, TaskSet, World

__all__ = [
    "Found",
    "Inherited",
    "Made",
    "Pair",
    "Planned",
    "Plateaus",
    "Rasch",
    "Searched",
    "Setting",
    "Simulation",
    "Skills",
    "Sparse",
    "Summary",
    "TaskSet",
    "Tasks",
    "World",
    "compared",
    "document",
    "draw",
    "pairs",
    "searched",
    "summary",
    "table",
]
