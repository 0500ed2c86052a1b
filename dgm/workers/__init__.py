"""Pools: where jobs run."""

from dgm.workers.base import Figure, Pool
from dgm.workers.local_pool import LocalPool, start_local
from dgm.workers.recorded_order import RecordedOrder

__all__ = ["Figure", "LocalPool", "Pool", "RecordedOrder", "start_local"]
