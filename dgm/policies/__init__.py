"""Policies: who is expanded next, who is evaluated next."""

from dgm.policies.base import Action, Evaluate, Expand, Policy, View, Wait
from dgm.policies.huxley import Huxley
from dgm.policies.uniform import Uniform

__all__ = ["Action", "Evaluate", "Expand", "Huxley", "Policy", "Uniform", "View", "Wait"]
