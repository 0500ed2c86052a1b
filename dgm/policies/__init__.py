"""Policies: who is expanded next, who is evaluated next."""

from dgm.policies.attempts import Attempts
from dgm.policies.base import Action, Evaluate, Expand, Parents, Policy, Ranks, View, Wait
from dgm.policies.darwin import Darwin
from dgm.policies.huxley import Huxley
from dgm.policies.hyper import Hyper
from dgm.policies.lines import Greedy, Sica
from dgm.policies.pedigree import Pedigree
from dgm.policies.uniform import Uniform

__all__ = [
    "Action",
    "Attempts",
    "Darwin",
    "Evaluate",
    "Expand",
    "Greedy",
    "Huxley",
    "Hyper",
    "Parents",
    "Pedigree",
    "Policy",
    "Ranks",
    "Sica",
    "Uniform",
    "View",
    "Wait",
]
