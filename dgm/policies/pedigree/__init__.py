"""Pedigree: a belief over the whole lineage and the tasks, and the action that is worth most for its cost."""

from dgm.policies.pedigree.belief import Belief
from dgm.policies.pedigree.policy import Pedigree

__all__ = ["Belief", "Pedigree"]
