"""Read by the Python of a box before anything else: it collects garbage rarely, and no more when it ends.

An interpreter that has imported `openai` looks through all that it holds several times as it leaves, and takes it apart
piece by piece: a quarter of what such a program takes of the processor. What that would have written to files that are
held by something circular is written here.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import stat

WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def leave() -> None:
    for one in gc.get_objects():
        if type(one) in WRITERS:
            try:
                if stat.S_ISREG(os.fstat(one.fileno()).st_mode):  # a pipe might make us wait
                    one.flush()
            except (OSError, ValueError):  # nowhere to write; closed
                pass
    gc.freeze()


gc.set_threshold(50_000, 20, 100)
atexit.register(leave)
