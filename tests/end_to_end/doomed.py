"""A driver that dies: `python -m tests.end_to_end.doomed SEGMENT_LINES SECONDS [OVERRIDE ...]`.

It is `dgm run` with short log segments, so that sealing happens often, and kills itself so many seconds after it began
its work; 0 lets it live.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from threading import Timer
from typing import Any

from dgm.config import compose_and_run
from dgm.launch import launch


def main(segment_lines: int, seconds: float, overrides: list[str]) -> int:
    def task(config: Mapping[str, Any]) -> int:
        if seconds:
            Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return launch(config, say=lambda text: None, segment_lines=segment_lines)

    return compose_and_run(overrides, task)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
