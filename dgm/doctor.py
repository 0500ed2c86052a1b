"""What this machine offers, found out by trying it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable

from sandbox import Attempt, Level, SandboxError, open_sandbox


def report(say: Callable[[str], None]) -> int:
    """Say what works here and what does not; 0 when a search can run at some level."""
    say(f"python      {sys.version.split()[0]}")
    say(f"cores       {len(os.sched_getaffinity(0))}")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    say(f"disk        {free / 1e9:.1f} GB free in {tempfile.gettempdir()}")
    usable = []
    for level in Level:
        tried: list[Attempt] = []
        try:
            open_sandbox(level, attempts=tried).close()
            usable.append(level)
        except SandboxError as error:
            if not tried:
                say(f"{level:11} no: {error}")
        for attempt in tried:
            say(f"{attempt.level:11} {'yes' if attempt.fault is None else f'no: {attempt.fault}'}")
            for one in attempt.checks:
                say(f"              {'ok ' if one.holds else 'NOT'} {one.name}: {one.seen}")
    strongest = usable[0] if usable else None
    say(f"sandbox=auto takes {strongest or 'nothing: no level works here'}")
    if strongest is not Level.DOCKER:
        say(
            "a real model needs Docker, or bubblewrap with sandbox.accept_weaker=true; rehearsal runs at any level"
        )
    return 0 if usable else 1
