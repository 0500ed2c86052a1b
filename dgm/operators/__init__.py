"""Operators: what an expansion is asked to do."""

from dgm.operators.base import Brief, Operator
from dgm.operators.redraw import Redraw
from dgm.operators.single_failure import SingleFailure

__all__ = ["Brief", "Operator", "Redraw", "SingleFailure"]
