"""What a running search lets be changed, and what its next start makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import Change, RunInfo, create_run
from dgm.config import Plain
from dgm.errors import ConfigError
from dgm.live import LiveConfig
from dgm.prepare import prepare
from dgm.resume import carried_on, note_changes
from tests.dgm.commands import composed
from tests.dgm.scripted import THEN


def live(*overrides: str) -> LiveConfig:
    return LiveConfig(prepare(composed("workers=local", "workers.slots=2", *overrides)), 2)


def test_a_larger_budget_and_other_slots_are_in_force_at_once() -> None:
    config = live()
    changed = config.changed({"budget.evaluations": "120", "workers.slots": "4"})
    assert (changed.settings.evaluations, changed.settings.expansions, changed.slots) == (120, 35, 4)
    assert list(changed.lines) == ["budget.evaluations: 100 -> 120", "workers.slots: 2 -> 4"]
    assert list(changed.kinds) == ["budget", "workers"]
    config.accept(changed)
    assert config.changed({"budget.evaluations": "120"}).lines == []
    with pytest.raises(ConfigError, match=r"budget\.evaluations: 120 -> 110"):
        config.changed({"budget.evaluations": "110"})


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"budget.evaluations": "99"}, r"a budget can only grow .*\n +budget\.evaluations: 100 -> 99"),
        ({"budget.evaluations": "many"}, "budget.evaluations takes a number, got 'many'"),
        ({"budget.evaluations": "1.5"}, "budget.evaluations=1.5: "),
        ({"budget.evaluations": "${oc.env:HOME}"}, "takes a number"),
        ({"budget.evaluations": "[1"}, r"budget.evaluations=\[1: "),
        ({"budget.evaluations": "true"}, "takes a number"),
        ({"budget.evaluations": "null"}, "budget.evaluations=null: "),
        ({"budget.usd": ".inf"}, "budget.usd must be finite"),
        ({"budget.rollout.calls": "99"}, "budget.rollout.calls cannot change while a search goes on"),
        ({"workers.slots": "0"}, "workers.slots must be at least 1"),
        ({"workers.slots": "-1"}, "workers.slots must be at least 0"),
        ({"workers.width": "${oc.env:HOME}"}, "workers.width must be all, auto or a number"),
        ({"workers.address": "x"}, "workers.address cannot change"),
        ({"policy.alpha": "0.7"}, "policy.alpha cannot change"),
        ({"grace_s": "9"}, "stop it, and give grace_s=9 to its command"),
        ({"seed": "3"}, "seed cannot change .* seed never changes in a run"),
    ],
)
def test_what_a_run_may_not_change_is_refused(values: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        live().changed(values)


def test_a_cap_on_money_may_be_raised_and_lifted_but_not_set() -> None:
    config = live("budget.usd=5", "budget.rollout.usd=0.1")
    money = config.changed({"budget.usd": "7.5"}).settings.money
    assert (money.cap, money.job) == (7_500_000, 100_000)
    assert config.changed({"budget.usd": "null"}).settings.money.cap is None
    with pytest.raises(ConfigError, match=r"budget\.usd: None -> 5"):
        live().changed({"budget.usd": "5"})


@pytest.mark.parametrize(("asked", "width"), [("1", 1), ("auto", 2), ("all", 4)])
def test_the_jobs_in_flight_of_one_search_may_change(asked: str, width: int) -> None:
    changed = live().changed({"workers.slots": "4", "workers.width": asked, "budget.evaluations": "150"})
    assert (changed.settings.width, changed.slots) == (width, 4)
    with pytest.raises(ConfigError, match=r"workers\.width must be at most the 2 slots"):
        live().changed({"workers.width": "3"})


def begun(path: Path, config: Plain) -> None:
    create_run(path, RunInfo(id="run", seed=0, config=config)).close()


def a_change(seq: int, kind: str, after: Any) -> Change:
    return Change(seq=seq, kind=kind, before="", after=json.dumps(after), at=THEN)


def test_the_same_command_goes_on_with_what_was_changed_meanwhile(tmp_path: Path) -> None:
    path, config = tmp_path / "run", composed("workers=local", "workers.slots=2")
    begun(path, config)
    raised = {**config["budget"], "evaluations": 120}
    with archive.resume_run(path) as run:
        run.append(a_change(0, "budget", raised), a_change(0, "change", {"by": "me"}))
    with archive.open(path) as reader:
        assert carried_on(config, reader) == {**config, "budget": raised}
        more = composed("workers=local", "workers.slots=3", "budget.evaluations=200", "budget.finalists=4")
        assert carried_on(more, reader) == more
        other = composed("workers=local", "workers.slots=3")
        assert carried_on(other, reader) == {**other, "budget": raised}


def test_what_a_start_changes_is_what_commands_say_from_then_on(tmp_path: Path) -> None:
    path, config = tmp_path / "run", composed("workers=local", "workers.slots=2")
    begun(path, config)
    later = composed("workers=local", "workers.slots=8", "budget.confirm=50")
    raised = {**later["budget"], "evaluations": 120}
    with archive.resume_run(path) as run:
        note_changes(run, later)
        run.append(a_change(2, "budget", raised), a_change(2, "change", {"by": "me"}))
    with archive.open(path) as reader:
        assert carried_on(later, reader) == {**later, "budget": raised}
        back = carried_on(config, reader)
        assert (back["workers"]["slots"], back["budget"]["confirm"]) == (2, None)
        assert back["budget"]["evaluations"] == 120
