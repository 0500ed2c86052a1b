"""Whether somebody still writes a run that is followed; if not, how that ended."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from archive import holder_of

LOG = "driver.log"
TAIL = 64 << 10
"""Bytes at the end of a driver's log that are looked at."""

SAID = 500
"""Characters of a driver's last words that are shown."""

GOES_ON = "the same command goes on"


def is_driven(run: Path) -> bool:
    """Whether a driver has the run, as far as this machine can tell."""
    holder = holder_of(run)
    return holder is not None and not holder.gone


def quiet_s(run: Path) -> float:
    """Seconds since something was written to the run."""
    written = [(run / "run.json").stat().st_mtime]
    for path in (run / "log", *(run / "log").glob("*")):
        with suppress(FileNotFoundError):  # sealed meanwhile
            written.append(path.stat().st_mtime)
    return max(0.0, time.time() - max(written))


def how_it_ended(run: Path) -> str:
    """What the last driver of an unfinished run said when it ended."""
    last = next(_last_events(run), {})
    text = str(last.get("text") or "")[:SAID]
    match last.get("event"), last.get("how"):
        case "ended", "failed" | "gave_up":
            return f"failed: {text}"
        case "ended", "stopped" | "interrupted":
            return f"stopped: {GOES_ON}"
    return f"nobody runs it: {GOES_ON}"


def _last_events(run: Path) -> Iterator[Mapping[str, object]]:
    """The events at the end of the driver's log, newest first; what packages logged is none."""
    with suppress(OSError), (run / LOG).open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        for line in reversed(file.read().splitlines()):
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, Mapping) and found.get("event") != "log":
                    yield found
