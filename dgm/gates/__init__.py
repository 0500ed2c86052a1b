"""Gates: what a child must pass."""

from dgm.gates.forms import form
from dgm.gates.gates import Gates

__all__ = ["Gates", "form"]
