"""Searches side by side: never more than the slots have room for, one that fails stops no other, a stop reaches all."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from threading import Lock

import pytest

from dgm.beside import Planned, side_by_side
from dgm.multirun import run_together, shares_of
from dgm.width import Share
from tests.dgm.commands import composed

SEARCH = """
import json, sys
given = json.loads(sys.stdin.readline())
print("begin", given["share"]["slots"], flush=True)
print("began", file=sys.stderr, flush=True)
if given["config"].get("waits"):
    asked = sys.stdin.readline()
    print("asked" if asked else "alone", flush=True)
    sys.exit(130)
print("end", flush=True)
sys.exit(given["config"].get("status", 0))
"""
"""Stands for a search: it says what it is given, and waits to be stopped or ends with a status."""


@dataclass
class Told:
    """What the searches said, in the order in which it came."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    most: int = 0
    _slots: dict[str, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def say(self, name: str, line: str) -> None:
        with self._lock:
            self.lines.append((name, line))
            if line.startswith("begin"):
                self._slots[name] = int(line.split()[1])
                self.most = max(self.most, sum(self._slots.values()))
            if line == "end":
                del self._slots[name]

    def complain(self, name: str, line: str) -> None:
        with self._lock:
            self.errors.append((name, line))

    def begun(self) -> int:
        return sum(line.startswith("begin") for _, line in self.lines)


def planned(name: str, slots: int, **config: object) -> Planned:
    return Planned(name=name, config=config, share=Share(slots=slots))


def run(told: Told, slots: int, *searches: Planned, stop_after: int | None = None) -> int:
    return side_by_side(
        searches,
        slots,
        say=told.say,
        complain=told.complain,
        stops=lambda: int(stop_after is not None and told.begun() >= stop_after),
        command=[sys.executable, "-c", SEARCH],
    )


def test_never_more_run_than_the_slots_have_room_for() -> None:
    told = Told()
    widths = (2, 2, 1, 3, 5, 1, 1)
    assert run(told, 5, *(planned(f"s{n}", width) for n, width in enumerate(widths))) == 0
    assert told.most <= 5
    assert [line for _, line in told.lines].count("done") == len(widths)
    assert {name for name, line in told.errors if line == "began"} == {f"s{n}" for n in range(len(widths))}


def test_one_that_fails_stops_no_other_and_the_status_tells() -> None:
    told = Told()
    searches = planned("a", 1, status=1), planned("b", 1, status=2), planned("c", 1)
    assert run(told, 1, *searches) == 2
    assert ("a", "failed (status 1)") in told.errors
    assert ("b", "failed (status 2)") in told.errors
    assert ("c", "done") in told.lines


def test_a_stop_reaches_all_that_run_and_no_other_begins() -> None:
    told = Told()
    searches = [planned(name, 1, waits=True) for name in "abc"]
    assert run(told, 2, *searches, stop_after=2) == 130
    assert [name for name, line in sorted(told.lines) if line == "asked"] == ["a", "b"]
    assert ("a", "stopped; the same command goes on with it") in told.errors
    assert ("c", "not begun") in told.errors


def test_whoever_leaves_without_waiting_leaves_no_search_behind() -> None:
    told = Told()

    def interrupted() -> int:
        if told.begun():
            raise KeyboardInterrupt
        return 0

    with pytest.raises(KeyboardInterrupt):
        side_by_side(
            [planned("a", 1, waits=True)],
            1,
            say=told.say,
            complain=told.complain,
            stops=interrupted,
            command=[sys.executable, "-c", SEARCH],
        )
    assert told.lines[-1:] in ([("a", "alone")], [("a", "begin 1")])


LED = """
import os, signal, sys, threading
from dgm.beside import led
asked = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"alone\\n"), asked.set()))
signal.signal(signal.SIGINT, lambda *_: (os.write(1, b"asked\\n"), os._exit(130)))
config, share = led()
print("begin", share.slots, config["key"], share.address, os.read(0, 1), flush=True)
while not asked.wait(0.05):
    pass
"""
"""A search as far as it is led: it says what it was given, that its own input is empty, and what it is asked.

The handlers may run while the first line is still being flushed, when nothing else can be printed: they write.
"""


def test_a_search_is_led_by_an_input_that_nothing_else_sees() -> None:
    told = Told()
    share = Share(slots=3, address="127.0.0.1:1")
    status = side_by_side(
        [Planned(name="a", config={"key": "value"}, share=share)],
        3,
        say=told.say,
        complain=told.complain,
        stops=told.begun,
        command=[sys.executable, "-c", LED],
    )
    assert (status, told.lines) == (130, [("a", "begin 3 value 127.0.0.1:1 b''"), ("a", "asked")])


@pytest.mark.parametrize(
    "overrides",
    [
        [["seed=1"]],
        [["seed=1"], ["seed=2"]],
        [["workers.width=2"], ["seed=2", "workers.width=2"]],
        [["workers.width=1"], ["seed=2", "workers.width=1", "workers.slots=4"]],
        [["workers.width=1"], ["seed=2", "workers.width=9"]],
        [["workers.width=1"], ["workers.width=1", "budget.evaluations=9"]],
    ],
    ids=[
        "a single one",
        "as wide as the slots",
        "no two fit",
        "other workers",
        "one is refused",
        "one run twice",
    ],
)
def test_what_cannot_go_side_by_side_is_left_to_go_one_after_another(overrides: list[list[str]]) -> None:
    configs = [composed("workers=local", "workers.slots=3", *words) for words in overrides]
    assert run_together(configs, _never, _never) is None


@pytest.mark.parametrize(
    ("widths", "at_once", "shares"),
    [
        (["all", "all", "all", "all"], None, [8, 8, 8, 8]),
        (["all", "all", "all", "all"], -1, [2, 2, 2, 2]),
        (["all", "all", "all", "all"], 2, [4, 4, 4, 4]),
        (["auto", "1", "6", "all"], 2, [4, 4, 6, 4]),
        (["all", "all"], 99, [4, 4]),
        (["all"] * 9, -1, [1] * 9),
        (["1", "2"], None, [1, 2]),
    ],
)
def test_slots_are_shared_evenly_by_as_many_as_are_to_go_at_once(
    widths: list[str], at_once: int | None, shares: list[int]
) -> None:
    configs = [composed("workers=local", "workers.slots=8", f"workers.width={width}") for width in widths]
    assert shares_of(configs, 8, at_once) == shares


def _never(name: str, line: str) -> None:
    pytest.fail(f"{name} was run: {line}")
