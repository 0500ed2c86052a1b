"""The lines that machines read: as the schema says, about everything that happens, and nothing secret in them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from archive.testing import a_change, a_decision, a_search
from dgm.control import Verb
from dgm.events import VERSION, DriverLog, Events
from dgm.search import StoppedError
from tests.dgm.commands import SMALL, dgm, few_katas
from tests.dgm.scripted import Driver, Quiet, Script
from tests.dgm.test_steering import Operator, decided, idle

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def validator() -> Draft202012Validator:
    schema = json.loads(files("dgm.events").joinpath("schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def checked(line: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(line)
    validator().validate(event)
    assert "\n" not in line
    return event


class Heard(Quiet):
    """What a search says, as events too."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.events = Events("runs/a", [self.lines.append], now=lambda: NOW)

    def show(self, *status: Any) -> None:
        self.events.show(*status)

    def note(self, row: Any) -> None:
        super().note(row)
        self.events.note(row)

    def tell(self, line: str) -> None:
        self.events.tell(line)


def test_every_event_of_a_search_is_as_the_schema_says(tmp_path: Path) -> None:
    heard = Heard()
    operator = Operator(
        [
            (decided(heard, 10), Verb.PAUSE, {}),
            (idle(heard), Verb.CHANGE, {"evaluations": "30"}),
            (lambda: True, Verb.RESUME, {}),
            (decided(heard, 25), Verb.STOP, {}),
        ]
    )
    driver = Driver(
        tmp_path / "run",
        evaluations=20,
        slots=3,
        work=Script(delay_s=0.002, void=0.05),
        display=heard,
        control=operator,
    )
    with pytest.raises(StoppedError):
        driver.search()
    events = [checked(line) for line in heard.lines]
    assert {event["event"] for event in events} == {
        *("decision", "result", "agent", "status", "change", "note")
    }
    assert {(event["v"], event["run"]) for event in events} == {(VERSION, "runs/a")}
    states = [event["state"] for event in events if event["event"] == "status"]
    assert [new for new, old in zip(states, ["", *states], strict=False) if new != old] == [
        *("searching", "paused", "searching", "stopping")
    ]
    results = [event for event in events if event["event"] == "result"]
    assert {event["kind"] for event in results} == {"expand", "evaluate"}
    seen = [event["seq"] for event in events if "seq" in event]
    assert seen == sorted(seen)
    [change] = [event for event in events if event["event"] == "change" and event["kind"] == "budget"]
    assert (change["before"], change["after"]) == ({"evaluations": 20}, {"evaluations": 30})


def test_every_kind_of_row_and_note_passes_the_schema() -> None:
    lines: list[str] = []
    events = Events("runs/a", [lines.append])
    for rows in a_search(30):
        for row in rows:
            events.note(row)
    events.note(a_change())
    events.tell("a line\n\x1b[2J with controls")
    events.event("ended", how="stopped", text="", best=None)
    for line in lines:
        checked(line)
        assert "\x1b" not in line


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "made_up"},
        {"event": "note"},
        {"event": "decision", "seq": -1},
        {"event": "note", "text": "x", "v": 2},
    ],
)
def test_the_schema_refuses_what_is_no_event(wrong: dict[str, object]) -> None:
    event = {"v": VERSION, "time": "2026-01-01T00:00:00+00:00", "run": "a", **wrong}
    assert list(validator().iter_errors(event))


def test_no_secret_comes_out() -> None:
    lines: list[str] = []
    events = Events("runs/a", [lines.append], ['sk-very"secret', "short"])
    events.tell('upstream said: bad key sk-very"secret')
    assert json.loads(lines[0])["text"] == "upstream said: bad key [secret]"


def test_a_reader_that_goes_away_ends_the_search_and_the_others_are_told() -> None:
    def gone(_: str) -> None:
        raise BrokenPipeError

    kept: list[str] = []
    events = Events("runs/a", [gone, kept.append])
    with pytest.raises(BrokenPipeError, match="nobody reads"):
        events.tell("on the way")
    events.event("ended", how="failed", text="nobody reads", best=None)
    assert [checked(line)["event"] for line in kept] == ["note", "ended"]


def test_the_log_holds_events_and_warnings_and_stays_small(tmp_path: Path) -> None:
    path, told = tmp_path / "logs" / "driver.log", list[str]()
    with DriverLog(path, "runs/a", told.append, most_bytes=4000, kept=2) as log:
        events = Events("runs/a", [log])
        events.tell("begun")
        logging.getLogger("dgm.some.room").warning("odd: %s", "\n\x1b")
        first = [checked(line) for line in path.read_text().splitlines()]
        for _ in range(200):
            events.note(a_decision(1))
    logging.getLogger("dgm.some.room").warning("nobody listens")
    assert [(event["event"], event["text"]) for event in first] == [("note", "begun"), ("log", "odd: \n\x1b")]
    assert sorted(file.name for file in path.parent.iterdir()) == [
        *("driver.log", "driver.log.1", "driver.log.2")
    ]
    assert all(file.stat().st_size <= 4000 for file in path.parent.iterdir())
    assert told == []


@pytest.mark.parametrize("place", ["file/driver.log", "directory"])
def test_a_log_that_cannot_be_written_is_told_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    told: list[str] = []
    with DriverLog(tmp_path / place, "runs/a", told.append) as log:
        log("one")
        log("two")
    assert len(told) == 1
    assert told[0].startswith("driver.log cannot be written: ")


def test_a_disk_that_is_full_later_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    with DriverLog(Path("/dev/full"), "runs/a", told.append) as log:
        log("one")
        log("two")
    assert len(told) == 1


LOUD = """
from dataclasses import dataclass
from dgm.policies import Uniform

@dataclass(frozen=True, kw_only=True)
class Loud(Uniform):
    def decide(self, *args, **kwargs):
        print("decided")
        return super().decide(*args, **kwargs)
"""


def test_a_run_prints_nothing_but_events_and_logs_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few_katas(tmp_path / "tasks", ("apricot-rows", "candle-clock", "dune-fences", "jam-share-out"))
    command = (
        *("run", "--json", "--config-dir", str(tmp_path), "policy=loud", "name=a", "benchmark=polyglot"),
        *(f"benchmark.path={tmp_path / 'tasks'}", *SMALL),
        *("budget.evaluations=2", "budget.expansions=1", "budget.confirm=0", "budget.test_repeats=1"),
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "loud.yaml").write_text("_target_: loud.Loud\nname: loud\n")
    said = dgm(*command)
    assert "decided" in said.err
    assert said.status == 0, said.err
    events = [checked(line) for line in said.out.splitlines()]
    assert events[0]["event"] == "note"
    assert events[0]["text"].startswith("sandbox: process")
    began = next(n for n, event in enumerate(events) if event["event"] == "started")
    assert (events[began]["entries"], events[began]["made_up"]) == (1, True)
    assert events[-1]["event"] == "ended"
    assert events[-1]["how"] == "finished"
    assert events[-1]["best"] == dgm("best", "a", "--json").json
    logged = [checked(line) for line in (tmp_path / "runs" / "a" / "driver.log").read_text().splitlines()]
    assert [event for event in logged if event["event"] != "log"] == events[began:]

    again = dgm(*command)
    assert [checked(line)["event"] for line in again.out.splitlines()] == ["ended"]
    plain = dgm(*(word for word in command if word != "--json"))
    assert "archive: " in plain.out
    assert "{" not in plain.out


def test_what_is_refused_is_told_on_the_other_stream(tmp_path: Path) -> None:
    said = dgm("run", "--json", f"runs_dir={tmp_path}", "budget.evaluations=-1", *SMALL)
    assert (said.status, said.out) == (2, "")
    assert "budget.evaluations must be at least 0" in said.err
