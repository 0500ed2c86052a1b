"""Several searches side by side: each a process with its own driver and lock, all with a share of the same slots.

A search that is narrower than the slots leaves the others idle, and splitting its budget would not help it; a second
seed is what they are good for. Searches start in their order as soon as their width is free, so never more jobs run
than there are slots. One that fails stops no other.

A search is led by its standard input: a line with its configuration and share, then a line for each stop. When that
input ends, whoever started the search is gone, and it stops as after Ctrl-C; the same command goes on.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from threading import Thread
from typing import IO, Any

from dgm.width import Share

STOPPED = 130
"""The exit status of a search that was asked to stop."""

COMMAND = (sys.executable, "-m", "dgm", "one-of-many")
"""What runs one search and is led by its standard input."""

LOOK_S = 0.2
"""How often stops are looked at, in seconds."""

LEAVE_S = 5.0
"""How long searches have to be gone when we leave without waiting for them, in seconds."""

Tell = Callable[[str, str], None]
"""Takes the name of a search and a line that it said."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A search that is to be run: what it is called, its configuration, and its share of the slots."""

    name: str
    config: Mapping[str, Any]
    share: Share


class _Started:
    """The process of a search. `ended` gets it when the process is gone and all that it said is told."""

    def __init__(
        self,
        planned: Planned,
        command: Sequence[str],
        say: Tell,
        complain: Tell,
        ended: queue.SimpleQueue[_Started],
    ) -> None:
        self.planned = planned
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C reaches us alone, and we pass it on once
        )
        given = {"config": planned.config, "share": asdict(planned.share)}
        self._write(json.dumps(given).encode() + b"\n")
        self._follower = Thread(target=self._follow, args=(say, complain, ended), daemon=True)
        self._follower.start()

    def stop(self) -> None:
        self._write(b"stop\n")

    def leave(self) -> None:
        """End its input, and the process too if it does not go by itself."""
        self._close()
        try:
            self.process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._follower.join(LEAVE_S)

    @property
    def _input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def _write(self, line: bytes) -> None:
        with suppress(OSError, ValueError):  # it has ended, as its status will tell
            self._input.write(line)
            self._input.flush()

    def _close(self) -> None:
        with suppress(OSError):
            self._input.close()

    def _follow(self, say: Tell, complain: Tell, ended: queue.SimpleQueue[_Started]) -> None:
        complaints = Thread(target=self._pass_on, args=(self.process.stderr, complain), daemon=True)
        complaints.start()
        self._pass_on(self.process.stdout, say)
        complaints.join()
        self.process.wait()
        self._close()
        ended.put(self)

    def _pass_on(self, said: IO[bytes] | None, tell: Tell) -> None:
        assert said is not None
        with said, suppress(BrokenPipeError):  # nobody reads us any more: then nobody reads the search either
            for line in said:
                tell(self.planned.name, line.decode(errors="replace").rstrip("\n"))


def side_by_side(
    planned: Sequence[Planned],
    slots: int,
    *,
    say: Tell,
    complain: Tell,
    stops: Callable[[], int],
    command: Sequence[str] = COMMAND,
) -> int:
    """Run all of them, never more at once than the slots have room for. Gives the worst status, `STOPPED` above all.

    `stops` says how often the operator asked to stop: each time every running search is told, and no other begins.
    """
    waiting, running, statuses = deque(planned), list[_Started](), dict[int, int]()
    ended: queue.SimpleQueue[_Started] = queue.SimpleQueue()
    told = 0
    try:
        while waiting or running:
            while told < stops():
                told += 1
                for one in running:
                    one.stop()
            while waiting and not told and waiting[0].share.slots <= slots - _taken(running):
                running.append(_Started(waiting.popleft(), command, say, complain, ended))
            if not running:
                break
            with suppress(queue.Empty):
                one = ended.get(timeout=LOOK_S)
                running.remove(one)
                statuses[id(one.planned)] = one.process.returncode
    finally:
        for one in running:
            one.leave()
    for each in planned:
        status = statuses.get(id(each))
        (say if status == 0 else complain)(each.name, _told(status))
    found = [status if status >= 0 else 1 for status in statuses.values()]  # negative: a signal killed it
    return STOPPED if told or STOPPED in found else max(found)


def _taken(running: Sequence[_Started]) -> int:
    return sum(one.planned.share.slots for one in running)


def _told(status: int | None) -> str:
    if status is None:
        return "not begun"
    if status < 0:
        return f"killed by signal {-status}; the same command goes on with it"
    return {0: "done", STOPPED: "stopped; the same command goes on with it"}.get(
        status, f"failed (status {status})"
    )


def led() -> tuple[Mapping[str, Any], Share]:
    """What this process was started for, read from its standard input, by which it is led from now on.

    Nothing that it starts gets to see that input.
    """
    lead = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with open(lead, "rb", buffering=0, closefd=False) as lines:
        given = json.loads(lines.readline())
    Thread(target=_heed, args=(lead,), daemon=True).start()
    return given["config"], Share(**given["share"])


def _heed(lead: int) -> None:
    while said := os.read(lead, 4096):
        for _ in range(said.count(b"\n")):
            os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
