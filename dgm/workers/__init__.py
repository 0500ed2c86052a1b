"""Pools: where jobs run."""

from dgm.workers.base import Pool
from dgm.workers.local_pool import LocalPool, start_local

__all__ = ["LocalPool", "Pool", "start_local"]
