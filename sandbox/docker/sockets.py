"""The buffers of a container's sockets, on version 1 of control groups: neither its memory limit nor runc counts them.

Version 2 counts them as memory. On version 1 the engine has a setting for it, which runc has ignored since 1.0, so the
limit is written here: by root, on the engine's own machine.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

UNCOUNTED = (
    "the buffers of a container's sockets are not limited: that takes version 2 of control groups, or a driver that is "
    "root on the engine's machine"
)
_GROUPS = Path("/sys/fs/cgroup/memory")
_OF_CONTAINER = ("docker/{}", "system.slice/docker-{}.scope")  # by the engine's two ways of naming groups
_LIMIT = "memory.kmem.tcp.limit_in_bytes"  # of all sockets, not of TCP alone


def may_limit() -> bool:
    """Whether this process can write the limit. Where the files lie on another machine it finds none."""
    return os.access(_GROUPS / _LIMIT, os.W_OK)


def limit(container: str, most: int) -> bool:
    """Let the kernel hold at most so many bytes for a container's sockets; False if its group was not found."""
    for name in _OF_CONTAINER:
        with contextlib.suppress(OSError):
            (_GROUPS / name.format(container) / _LIMIT).write_text(str(most))
            return True
    return False
