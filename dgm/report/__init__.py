"""What people see of a run."""

from dgm.report.progress import Progress

__all__ = ["Progress"]
