"""Pools: where jobs run."""

from dgm.workers.base import Pool
from dgm.workers.local_pool import LocalPool

__all__ = ["LocalPool", "Pool"]
