"""Surrogate worlds in which policies are compared without models or sandboxes."""

from dgm.simulate.search import Found, Setting, Simulation
from dgm.simulate.summary import Summary, compared, summary
from dgm.simulate.worlds import Inherited, Made, Plateaus, Rasch, Sparse, Tasks, World

__all__ = [
    "Found",
    "Inherited",
    "Made",
    "Plateaus",
    "Rasch",
    "Setting",
    "Simulation",
    "Sparse",
    "Summary",
    "Tasks",
    "World",
    "compared",
    "summary",
]
