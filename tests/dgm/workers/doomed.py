"""A driver on Ray that is interrupted and then killed: `python -m tests.dgm.workers.doomed MARK`."""

from __future__ import annotations

import signal
import sys

from dgm.workers.ray_pool import start
from tests.dgm.workers.contract import SETTINGS, finish, job, napping


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    pool = start(SETTINGS, slots=2)
    signal.signal(signal.SIGINT, lambda *_: say("interrupted"))
    pool.submit(job(0))
    finish(pool, 1)
    pool.submit(job(1, f"ask()\n{napping(1.5)}"))
    say("first")
    say(finish(pool, 1)[0].outcome)
    pool.submit(job(2, f"os.execvp('sleep', ['sleep', '77.{sys.argv[1]}'])\n", seconds=90.0))
    say("second")
    finish(pool, 1)
