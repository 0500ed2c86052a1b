"""Ray clusters: joining one, or starting one on this machine, and what it offers."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

import ray

from sandbox import Place

OBJECT_STORE_BYTES = 128 << 20
"""Shared memory of a local cluster: a job is a few hundred kilobytes, and few are in flight."""

LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no reports to Ray's makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # no warning about devices that we do not use
    # A box's first process ends its box when its worker dies; killed by Ray before that, it would leave it behind.
    "RAY_kill_child_processes_on_worker_exit": "0",
}
"""Environment of a local cluster."""


def join(address: str) -> None:
    """Make this process a driver on the cluster at `address`."""
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)


def slots_at(address: str) -> int:
    """How many jobs the cluster at `address` may run at once: one per core."""
    try:
        join(address)
        return offered()
    finally:
        ray.shutdown()


@contextlib.contextmanager
def shared_cluster(slots: int) -> Iterator[str]:
    """A local cluster for several drivers, by its address; it ends with this block, or with this process."""
    start_cluster(slots)
    try:
        yield str(ray.get_runtime_context().gcs_address)
    finally:
        leave()


def start_cluster(slots: int) -> None:
    for name, value in LOCAL.items():
        os.environ.setdefault(name, value)
    ray.init(
        address="local",
        num_cpus=slots,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=OBJECT_STORE_BYTES,
    )


def offered() -> int:
    return int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]


def leave() -> None:
    """Workers are killed at the end: what they held is removed now, or by whoever comes next."""
    ray.shutdown()
    Place().sweep()
