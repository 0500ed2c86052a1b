"""Gates: what a child must pass."""

from dgm.gates.gates import Gates

__all__ = ["Gates"]
