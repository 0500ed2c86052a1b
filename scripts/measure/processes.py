"""Who of a run's processes used the processor."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

DRIVER, RAY, WORKERS, BOXES = "driver", "Ray itself", "workers", "boxes"
ACTORS = {"Gateway": "gateway", "Journals": "journals", "Hub": "hub"}


def used_below(pid: int) -> dict[str, float]:
    """Seconds that each kind of process used so far: of the driver `pid` and of all that it started.

    What a process used that is gone is lost, unless its parent waited for it, as that of a box does.
    """
    children = defaultdict[int, list[int]](list)
    times: dict[int, tuple[float, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                own, ended = ((int(fields[at]) + int(fields[at + 1])) / TICKS for at in (11, 13))
                times[int(entry.name)] = own, ended
                children[int(fields[1])].append(int(entry.name))
    found = defaultdict[str, float](float)
    waiting = [(pid, DRIVER)]
    while waiting:
        one, kind = waiting.pop()
        own, ended = times.get(one, (0.0, 0.0))
        found[kind] += own
        if kind in (DRIVER, WORKERS, BOXES):
            found[BOXES] += ended
        waiting += [(child, _kind(child, kind)) for child in children[one]]
    return found


def _kind(pid: int, parent: str) -> str:
    if parent in (WORKERS, BOXES):
        return BOXES
    words = ""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if words.startswith("ray::"):
        return next((kind for name, kind in ACTORS.items() if name in words), WORKERS)
    return RAY if "ray" in words else BOXES
