"""Drivers that die: `python -m tests.end_to_end.doomed SEGMENT_LINES`, then a line of JSON for each driver to start.

A line is `[seconds, [override, ...]]`. The driver is `dgm run` with short log segments, so that sealing happens often;
it kills itself so many seconds after it began its work, 0 lets it live. Its exit status is written as a line. Each is
a process of its own, forked from this one, which has imported everything and does nothing else.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from threading import Timer
from typing import Any

import openai  # noqa: F401 - so that not every driver imports it anew

from dgm.config import compose_and_run
from dgm.launch import launch


def drive(segment_lines: int, seconds: float, overrides: list[str]) -> int:
    def task(config: Mapping[str, Any]) -> int:
        if seconds:
            timer = Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True  # who is done before that ends
            timer.start()
        return launch(config, say=lambda text: None, segment_lines=segment_lines)

    return compose_and_run(overrides, task)


def serve(segment_lines: int) -> None:
    for line in sys.stdin:
        seconds, overrides = json.loads(line)
        child = os.fork()
        if child == 0:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            sys.exit(drive(segment_lines, seconds, overrides))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
