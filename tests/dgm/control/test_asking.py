"""A command and a driver on one directory, with requests that are late, foreign, hostile or for nobody."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from archive import Run, RunInfo, create_run, resume_run
from dgm.control import CONTROL, Answer, Mailbox, NoDriverError, Request, Verb, ask
from dgm.control.mailbox import MOST_AT_ONCE
from tests.dgm.commands import dgm


class Clock:
    """Goes on by a second with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with create_run(tmp_path / "run", RunInfo(id="run", seed=1)) as run:
        yield run


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def mailbox(run: Run, told: list[str]) -> Mailbox:
    return Mailbox(run.path, run.driver, told.append, Clock())


def answering(mailbox: Mailbox, text: str, seen: list[Request]) -> Callable[[float], None]:
    """Stands for the time that passes while a command waits: then the driver looks."""

    def look(_: float) -> None:
        for request in mailbox.take():
            seen.append(request)
            mailbox.answer(request, Answer(done=True, text=text))

    return look


def files(run: Run) -> list[str]:
    return sorted(path.name for path in (run.path / CONTROL).iterdir())


def left(run: Run, name: str, **changes: object) -> None:
    """A request as a command writes it, with some fields as they should not be."""
    content = {"verb": "pause", "driver": run.driver, "by": "x", "values": {}, **changes}
    (run.path / CONTROL / f"{name}.request").write_text(json.dumps(content))


def test_a_request_is_taken_up_answered_and_leaves_no_file(run: Run, mailbox: Mailbox) -> None:
    seen: list[Request] = []
    values = {"budget.evaluations": "7"}
    answer = ask(
        run.path, Verb.CHANGE, values=values, wait_s=60, clock=Clock(), pause=answering(mailbox, "ok", seen)
    )
    assert answer == Answer(done=True, text="ok")
    assert [(request.verb, request.values, request.driver) for request in seen] == [
        (Verb.CHANGE, values, run.driver)
    ]
    assert files(run) == []
    assert (run.path / CONTROL).stat().st_mode & 0o077 == 0, "others could steer the run"


def test_two_requests_at_once_are_taken_in_their_order_and_answered_apart(run: Run, mailbox: Mailbox) -> None:
    left(run, "2", by="second")
    left(run, "1", by="first")
    taken = mailbox.take()
    assert [request.by for request in taken] == ["first", "second"]
    for request in taken:
        mailbox.answer(request, Answer(done=True, text=request.by))
    for name, text in (("1", "first"), ("2", "second")):
        assert json.loads((run.path / CONTROL / f"{name}.answer").read_text())["text"] == text


def test_a_driver_that_does_not_look_is_told_of_and_the_request_taken_back(
    run: Run, mailbox: Mailbox
) -> None:
    with pytest.raises(NoDriverError, match="did not take this up in time, so it was taken back") as error:
        ask(run.path, Verb.PAUSE, wait_s=5, clock=Clock(), pause=lambda _: None)
    assert error.value.there
    assert files(run) == []
    assert mailbox.take() == []


def test_a_driver_that_took_a_request_and_stands_still_is_told_of(run: Run, mailbox: Mailbox) -> None:
    with pytest.raises(NoDriverError, match="took this up, but did not say what came of it"):
        ask(run.path, Verb.PAUSE, wait_s=5, clock=Clock(), pause=lambda _: [*mailbox.take()].clear())


def test_without_a_driver_nothing_is_left(tmp_path: Path) -> None:
    create_run(tmp_path / "run", RunInfo(id="run", seed=1)).close()
    with pytest.raises(NoDriverError, match="no driver is running"):
        ask(tmp_path / "run", Verb.STOP, wait_s=60)
    assert not (tmp_path / "run" / CONTROL).exists()


def test_who_holds_a_run_without_taking_requests_is_told(run: Run) -> None:
    with pytest.raises(NoDriverError, match="takes no requests"):
        ask(run.path, Verb.STOP, wait_s=3, clock=Clock(), pause=lambda _: None)


def test_a_driver_that_ends_meanwhile_answers_what_is_asked(run: Run, mailbox: Mailbox) -> None:
    answer = ask(run.path, Verb.PAUSE, wait_s=60, pause=lambda _: mailbox.close("it ends"))
    assert answer == Answer(done=False, text="it ends")


def test_a_driver_that_is_gone_meanwhile_is_noticed(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", RunInfo(id="run", seed=1))
    Mailbox(run.path, run.driver, print)
    with pytest.raises(NoDriverError, match="ended before it took this up"):
        ask(run.path, Verb.PAUSE, wait_s=60, pause=lambda _: run.close())
    assert list((run.path / CONTROL).iterdir()) == []


def test_a_request_for_an_earlier_driver_is_dropped(tmp_path: Path, told: list[str]) -> None:
    path = tmp_path / "run"
    with create_run(path, RunInfo(id="run", seed=1)) as first:
        Mailbox(path, first.driver, told.append)
        left(first, "1", verb="stop", by="a command that was killed")
        (path / CONTROL / "0.answer").write_text("{}")
    with resume_run(path) as second:
        mailbox = Mailbox(path, second.driver, told.append)
        assert files(second) == ["1.request"]
        assert mailbox.take() == []
    assert told == [
        "dropped a stop of a command that was killed: it was left for an earlier driver of this run"
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"[" * 9000,
        b"x" * 20_000,
        b'{"verb": "format", "driver": "d", "by": "x", "values": {}}',
        b'{"verb": "pause", "driver": 7, "by": "x", "values": {}}',
        b'{"verb": "change", "driver": "d", "by": "x", "values": {"a": 1}}',
        b'{"verb": "change", "driver": "d", "by": "x"}',
    ],
    ids=lambda content: repr(content[:60]),
)
def test_what_is_no_request_is_dropped(run: Run, mailbox: Mailbox, told: list[str], content: bytes) -> None:
    (run.path / CONTROL / "1.request").write_bytes(content)
    left(run, "2")
    assert [request.id for request in mailbox.take()] == ["2"]
    assert len(told) == 1
    assert told[0].startswith("a request that cannot be read was dropped: ")


def test_links_pipes_and_directories_are_no_requests(run: Run, mailbox: Mailbox, told: list[str]) -> None:
    control = run.path / CONTROL
    left(run, "real")
    (control / "real.request").rename(control / "real")
    (control / "1.request").symlink_to(control / "real")
    os.mkfifo(control / "2.request")
    (control / "3.request").mkdir()
    assert mailbox.take() == []
    assert len(told) == 3
    assert mailbox.take() == []
    assert len(told) == 3


def test_a_flood_of_requests_is_taken_in_portions(run: Run, mailbox: Mailbox) -> None:
    for n in range(MOST_AT_ONCE + 3):
        left(run, f"{n:03}")
    assert [len(mailbox.take()) for _ in range(3)] == [MOST_AT_ONCE, 3, 0]


def test_a_directory_that_cannot_be_made_is_told_once_and_ends_nothing(run: Run, told: list[str]) -> None:
    (run.path / CONTROL).write_text("no directory")
    mailbox = Mailbox(run.path, run.driver, told.append, Clock())
    assert mailbox.take() == []
    mailbox.close("ends")
    assert all("other terminals cannot stop, pause or change this run" in line for line in told)
    assert 1 <= len(told) <= 2


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (("budget.usd=3", "grace_s=9"), "give budget.usd=3 grace_s=9 to its next `dgm run` command"),
        (("budget.usd=3", "policy.alpha=1"), "policy.alpha never changes in a run"),
        (("name=other",), "name never changes in a run"),
    ],
)
def test_without_a_driver_a_change_tells_what_may_follow(
    tmp_path: Path, values: Sequence[str], advice: str
) -> None:
    create_run(tmp_path / "run", RunInfo(id="run", seed=1)).close()
    asked = dgm("change", str(tmp_path / "run"), *values)
    assert asked.status == 1
    assert asked.out.startswith(f"not done: no driver is running {tmp_path / 'run'}; {advice}")
