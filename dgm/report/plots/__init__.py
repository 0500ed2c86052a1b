"""Pictures of runs, for notebooks and files. Needs matplotlib, which comes with `dgm[plot]` and `dgm[notebook]`."""

from dgm.report.plots.comparison import comparison, draw_comparison
from dgm.report.plots.figures import Picture

__all__ = ["Picture", "comparison", "draw_comparison"]
