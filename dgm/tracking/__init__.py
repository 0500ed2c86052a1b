"""Telling a tracker of experiments (MLflow, Weights & Biases) of a run, from a process that cannot hurt it."""

from dgm.tracking.tracking import Tracking, nothing

__all__ = ["Tracking", "nothing"]
