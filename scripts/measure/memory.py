"""Does a process grow with each cycle?"""

from __future__ import annotations

import gc
import resource
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.measure.report import Figure
from scripts.measure.stats import figure


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What the process holds more of at the end than after the warm-up."""

    mib: float
    descriptors: int
    threads: int


def watched(cycle: Callable[[], object], *, warm_up: int, cycles: int) -> tuple[Grown, list[Figure]]:
    """Growth from the first tenth of the cycles after the warm-up to the last, each by its median."""
    for _ in range(warm_up):
        cycle()
    memory, descriptors, threads = [], [], []
    for _ in range(cycles):
        cycle()
        gc.collect()
        memory.append(resident_mib())
        descriptors.append(float(len(list(Path("/proc/self/fd").iterdir()))))
        threads.append(float(threading.active_count()))
    tenth = max(1, cycles // 10)
    first, last = figure("", "", memory[:tenth]).median, figure("", "", memory[-tenth:]).median
    grown = Grown(
        mib=last - first,
        descriptors=int(max(descriptors[-tenth:]) - max(descriptors[:tenth])),
        threads=int(max(threads[-tenth:]) - max(threads[:tenth])),
    )
    return grown, [
        figure("resident memory, at first", "MiB", memory[:tenth]),
        figure("resident memory, at last", "MiB", memory[-tenth:]),
        figure("open descriptors", "", descriptors),
        figure("threads", "", threads),
    ]


def resident_mib() -> float:
    """What of this process is in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / (1 << 20)
