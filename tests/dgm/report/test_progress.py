from __future__ import annotations

import io
from dataclasses import dataclass, field, replace

from rich.console import Console

from archive import Evaluation, ExpansionOutcome, Outcome, Row, Split
from archive.testing import a_decision, a_regrade, an_agent, an_evaluation, an_expansion
from dgm.ending import Ending
from dgm.report.progress import Progress
from dgm.search import Settings
from dgm.tree import Tree
from dgm.watching import State, Status

SETTINGS = Settings(seed=0, evaluations=10, expansions=4, test_repeats=2)
CONFIRM = ("katas/p", "katas/q")
TESTS = ("katas/x", "katas/y", "katas/z")


@dataclass
class Screen:
    """A progress display of 200 columns over a tree of one agent, and a clock that a test moves."""

    live: bool = False
    made_up: bool = False
    state: State = State.SEARCHING
    why: str = ""
    now: float = 100.0
    settings: Settings = SETTINGS
    out: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        console = Console(file=self.out, width=200, force_terminal=self.live)
        self.progress = Progress(
            console,
            live=self.live,
            made_up=self.made_up,
            clock=lambda: self.now,
        )
        self.tree = Tree(("katas/a", "katas/b"))
        self.ending = Ending(CONFIRM, TESTS)
        self.note(an_agent())

    def note(self, *rows: Row) -> None:
        for row in rows:
            self.tree.observe(row)
            self.ending.observe(row)
            self.progress.note(row)

    def show(self) -> str:
        """What is new on the screen."""
        before = len(self.out.getvalue())
        self.progress.show(
            Status(
                tree=self.tree,
                ending=self.ending,
                bounds=self.settings,
                money=self.settings.money,
                running=2,
                width=self.settings.width or 0,
                state=self.state,
                why=self.why,
                grace_s=30.0,
            )
        )
        return self.out.getvalue()[before:]


def evaluated(seq: int, task: str, outcome: Outcome, split: Split = Split.SEARCH) -> tuple[Row, Evaluation]:
    decision = replace(a_decision(seq, task=task), split=split)
    return decision, replace(an_evaluation(seq + 1, task=task, outcome=outcome), split=split)


def test_a_line_says_budget_agents_best_belief_failures_and_what_is_left() -> None:
    screen = Screen()
    screen.show()
    screen.note(*evaluated(1, "katas/a", Outcome.RESOLVED), *evaluated(3, "katas/b", Outcome.TIMED_OUT))
    screen.now += 8.0
    agent = screen.tree.ids[0][:10]
    assert screen.show() == (
        f"evaluations 2/10  expansions 0/4  agents 1  best {agent} 1/2 [0.09, 0.91]  running 2"
        "  pace 900 evaluations an hour  cost $0.00, $0.31 an hour  failures timed_out 1  left about 0:00:56\n"
    )


def test_made_up_money_is_called_so() -> None:
    assert "cost $0.00 (made up)" in Screen(made_up=True).show()


def test_an_answer_that_was_graded_again_is_one_evaluation() -> None:
    screen = Screen()
    decision, first = evaluated(1, "katas/a", Outcome.BUDGET_SPENT)
    screen.note(decision, first, a_regrade(3, first, outcome=Outcome.BUDGET_SPENT))
    assert "failures budget_spent 1  " in screen.show()


def test_lines_are_five_seconds_apart() -> None:
    screen = Screen()
    assert screen.show() != ""
    screen.note(*evaluated(1, "katas/a", Outcome.RESOLVED))
    screen.now += 4.9
    assert screen.show() == ""
    screen.now += 0.2
    assert screen.show() != ""


def test_a_line_that_says_nothing_new_is_not_repeated() -> None:
    screen = Screen()
    assert screen.show() != ""
    screen.now += 60.0
    assert screen.show() == ""


def test_a_child_is_announced_at_once() -> None:
    screen = Screen()
    seed = next(iter(screen.tree.ids))
    child = replace(an_agent(3), parent=seed, depth=1)
    screen.progress.note(child)
    assert f"agent {child.id[:10]} from {seed[:10]} at depth 1" in screen.out.getvalue()


def test_the_final_test_shows_n_of_total() -> None:
    screen = Screen()
    screen.show()
    screen.note(*evaluated(1, "katas/x", Outcome.RESOLVED, Split.TEST))
    screen.now += 10.0
    assert "final test 1/6" in screen.show()


def test_what_earlier_drivers_did_is_counted_but_not_announced() -> None:
    screen = Screen()
    before = screen.out.getvalue()
    screen.progress.recall({"crashed": 1})
    assert screen.out.getvalue() == before
    assert "crashed 1" in screen.show()


def test_failed_expansions_are_counted() -> None:
    screen = Screen()
    gated = replace(an_expansion(2), outcome=ExpansionOutcome.GATED, child=None)
    screen.progress.note(gated)
    assert "failures gated 1" in screen.show()


def test_the_first_stop_is_said_once() -> None:
    screen = Screen()
    screen.show()
    screen.state = State.STOPPING
    assert "stopping: nothing new is begun, 2 running jobs have 30 s to end" in screen.show()
    screen.now += 6.0
    assert "stopping" not in screen.show()


def test_a_pause_is_told_at_once_with_who_wanted_it_and_leaves_no_time_open() -> None:
    screen = Screen()
    screen.show()
    screen.state, screen.why = State.PAUSED, "by me@here since then"
    line = screen.show()
    assert line.startswith("paused by me@here since then  evaluations 0/10")
    screen.state, screen.why = State.OUTAGE, "503"
    assert screen.show().startswith("outage 503  ")


def test_void_results_come_with_their_share() -> None:
    screen = Screen()
    screen.progress.recall({"void": 1, "resolved": 20, "timed_out": 4})
    assert "failures void 1 (4.0% of all), timed_out 4  " in screen.show()


def test_after_a_while_lines_are_a_minute_apart() -> None:
    screen = Screen()
    screen.show()
    screen.now += 601.0
    screen.note(*evaluated(1, "katas/a", Outcome.RESOLVED))
    assert screen.show() != ""
    screen.note(*evaluated(3, "katas/b", Outcome.RESOLVED))
    screen.now += 59.0
    assert screen.show() == ""
    screen.now += 2.0
    assert screen.show() != ""


def test_what_a_terminal_could_be_steered_by_is_escaped() -> None:
    screen = Screen()
    screen.progress.tell("evil\x1b[2J\u202e")
    assert screen.out.getvalue() == "evil\\x1b[2J\\u202e\n"
    panel = Screen(live=True, state=State.PAUSED, why="evil\x1b]0;owned\x07\u202e")
    with panel.progress:
        panel.show()
    assert "evil\\x1b]0;owned\\x07\\u202e" in panel.out.getvalue()
    assert "\x1b]" not in panel.out.getvalue()


def test_a_terminal_gets_a_panel() -> None:
    screen = Screen(live=True)
    with screen.progress:
        screen.now += 1.0
        screen.show()
    text = screen.out.getvalue()
    assert "dgm run" in text
    assert "evaluations" in text
    assert "\x1b[" in text


def test_a_run_without_agents_can_be_shown() -> None:
    screen = Screen()
    screen.tree = Tree(())
    assert "best -" in screen.show()


def test_the_rounds_are_the_budget_by_the_width() -> None:
    screen = Screen(settings=replace(SETTINGS, width=4))
    assert "running 2 of 4  rounds 2.5 = 10 / 4  cost" in screen.show()
