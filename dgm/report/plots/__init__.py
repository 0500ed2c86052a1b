"""Pictures of runs, for notebooks and files. Needs matplotlib, which comes with `dgm[plot]` and `dgm[notebook]`."""

from dgm.report.plots.agents import clades, leaderboard, matrix
from dgm.report.plots.comparison import comparison, draw_comparison
from dgm.report.plots.course import cost_per_gain, progress
from dgm.report.plots.figures import Picture
from dgm.report.plots.tree import tree

__all__ = [
    "Picture",
    "clades",
    "comparison",
    "cost_per_gain",
    "draw_comparison",
    "leaderboard",
    "matrix",
    "progress",
    "tree",
]
