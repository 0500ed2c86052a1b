from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from dgm.benchmarks import (
    BenchmarkNotFoundError,
    BrokenExerciseError,
    NoTasksError,
    PolyglotBenchmark,
    katas,
)
from sandbox import Framework, Tier

CONFIG = {
    "files": {
        "solution": ["leap_day.py"],
        "test": ["leap_day_test.py"],
        "example": [".meta/example.py"],
        "editor": ["leap_day_visible_test.py", "calendar_data.py"],
    }
}
TEST = """\
import unittest
from leap_day import has_leap_day

class LeapDayTest(unittest.TestCase):
    def test_fourth(self):
        self.assertTrue(has_leap_day(2024))

    def test_century(self):
        self.assertFalse(has_leap_day(1900))
"""


def an_exercise(practice: Path, name: str = "leap-day") -> Path:
    folder = practice / name
    texts = {
        ".docs/introduction.md": "An introduction.\n",
        ".docs/instructions.md": "# Leap Day\n\nSay whether a year has one.\n",
        ".docs/instructions.append.md": "An appendix.\n",
        ".docs/hints.md": "SECRET HINT\n",
        ".meta/config.json": json.dumps(CONFIG),
        ".meta/example.py": "def has_leap_day(year):\n    return year % 4 == 0 and year != 1900\n",
        ".meta/tests.toml": "",
        "leap.day.py": "",
        "leap_day.py": "def has_leap_day(year):\n    pass\n",
        "leap_day_test.py": TEST,
        "leap_day_visible_test.py": TEST,
        "calendar_data.py": "DAYS = 365\n",
    }
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def practice(tmp_path: Path) -> Path:
    practice = tmp_path / "polyglot" / "python" / "exercises" / "practice"
    an_exercise(practice)
    return practice


def test_an_exercise_becomes_a_task(practice: Path) -> None:
    (task,) = PolyglotBenchmark(practice).tasks()
    assert task.id == "polyglot/leap-day"
    assert set(task.files) == {"leap_day.py", "leap_day_visible_test.py", "calendar_data.py"}
    assert task.visible_tests == ("leap_day_visible_test.py",)
    assert set(task.reference) == {"leap_day.py"}
    assert task.tags == {"language": "python"}
    assert task.test.solution_files == ("leap_day.py",)
    assert task.test.run == ("leap_day_test.py",)
    assert set(task.test.test_files) == {"leap_day_test.py", "leap_day_visible_test.py", "calendar_data.py"}
    assert task.test.modules == ("leap_day",)
    assert task.test.tier is Tier.A
    assert task.test.expected == (
        "leap_day_test.LeapDayTest.test_fourth",
        "leap_day_test.LeapDayTest.test_century",
    )


def test_the_instruction_is_introduction_instructions_appendix_and_a_reminder(practice: Path) -> None:
    (task,) = PolyglotBenchmark(practice).tasks()
    assert task.instruction.startswith(
        "An introduction.\n\n# Leap Day\n\nSay whether a year has one.\n\nAn app"
    )
    assert task.instruction.count("Edit `leap_day.py` in the workspace") == 1
    assert "SECRET" not in task.instruction


def test_what_an_agent_gets_holds_neither_tests_nor_reference(practice: Path) -> None:
    for task in (*PolyglotBenchmark(practice).tasks(), *katas().tasks()):
        given = {*task.files.values(), task.instruction.encode()}
        assert not given & set(task.reference.values())
        assert not [name for name in task.test.run if name in task.files]


@pytest.mark.parametrize("up", [0, 2, 3])
def test_the_path_may_be_practice_the_language_or_the_root(practice: Path, up: int) -> None:
    path = [practice, *practice.parents][up]
    assert PolyglotBenchmark(str(path)).tasks() == PolyglotBenchmark(practice).tasks()


def test_the_digest_covers_every_part_of_a_task(practice: Path) -> None:
    def digest() -> str:
        return PolyglotBenchmark(practice).tasks()[0].digest

    seen = {digest()}
    for name in ("leap_day.py", "leap_day_test.py", ".meta/example.py", ".docs/instructions.md"):
        path = practice / "leap-day" / name
        path.write_text(path.read_text() + "# more\n")
        seen.add(digest())
    assert len(seen) == 5
    assert PolyglotBenchmark(practice, seconds=7).tasks()[0].digest not in seen


def test_tasks_survive_pickling(practice: Path) -> None:
    (task,) = PolyglotBenchmark(practice).tasks()
    assert pickle.loads(pickle.dumps(task)) == task


def test_pytest_files_are_graded_in_tier_b(practice: Path) -> None:
    (practice / "leap-day" / "leap_day_test.py").write_text("def test_it():\n    assert True\n")
    (task,) = PolyglotBenchmark(practice).tasks()
    assert (task.test.tier, task.test.framework, task.test.expected) == (Tier.B, Framework.PYTEST, None)
    assert task.learn


def test_ids_that_the_syntax_does_not_tell_are_left_open(practice: Path) -> None:
    path = practice / "leap-day" / "leap_day_test.py"
    path.write_text(TEST + "\nclass More(LeapDayTest):\n    pass\n")
    assert PolyglotBenchmark(practice).tasks()[0].test.expected is None


def test_a_multi_file_reference_is_matched_by_name(practice: Path) -> None:
    folder = practice / "leap-day"
    files = {**CONFIG["files"], "solution": ["b.py", "a.py"], "example": [".meta/a.py", ".meta/b.py"]}
    (folder / ".meta" / "config.json").write_text(json.dumps({"files": files}))
    for name in ("a.py", "b.py"):
        (folder / name).write_text("")
        (folder / ".meta" / name).write_text(f"# {name}\n")
    (task,) = PolyglotBenchmark(practice).tasks()
    assert task.reference == {"a.py": b"# a.py\n", "b.py": b"# b.py\n"}


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None  # type: ignore[func-returns-value]


def configured(**files: object) -> Callable[[Path], None]:
    return write(".meta/config.json", json.dumps({"files": {**CONFIG["files"], **files}}))


def link(folder: Path) -> None:
    (folder / "leap_day.py").unlink()
    (folder / "leap_day.py").symlink_to("/etc/hostname")


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (lambda f: (f / ".meta/config.json").unlink(), r"config\.json: is missing"),
    "config not JSON": (write(".meta/config.json", "{"), r"config\.json: is not valid JSON: .*line 1"),
    "config a list": (write(".meta/config.json", "[]"), "must hold a JSON object"),
    "config without files": (write(".meta/config.json", "{}"), "has no object `files`"),
    "a string for a list": (configured(test="leap_day_test.py"), "`files.test` must be a list of file names"),
    "no solution": (configured(solution=[]), "`files.solution` names no file"),
    "climbs out": (configured(solution=["../x.py"]), "'../x.py', which is not inside"),
    "absolute": (configured(editor=["/etc/passwd"]), "'/etc/passwd', which is not inside"),
    "shows the tests": (configured(editor=["leap_day_test.py"]), "both hidden and given to the agent"),
    "shows the reference": (configured(editor=[".meta/config.json"]), "cannot be given to the agent"),
    "not importable": (configured(solution=["leap.day.py"]), "cannot be imported by this name"),
    "unmatched examples": (configured(example=[".meta/example.py", ".meta/tests.toml"]), "cannot be matched"),
    "no stub": (lambda f: (f / "leap_day.py").unlink(), r"leap_day\.py: is missing"),
    "no tests file": (lambda f: (f / "leap_day_test.py").unlink(), r"leap_day_test\.py: is missing"),
    "no instructions": (lambda f: (f / ".docs/instructions.md").unlink(), r"instructions\.md: is missing"),
    "tests without a test": (write("leap_day_test.py", "import unittest\n"), "holds no tests"),
    "tests not Python": (write("leap_day_test.py", "def"), "is not Python"),
    "a link": (link, r"leap_day\.py: is a symbolic link"),
    "too large": (write("calendar_data.py", "#" * (1 << 21)), "is larger than"),
    "ladder without band": (write(".meta/ladder.json", "{}"), "has no `band`"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_exercise_names_the_file_and_the_reason(practice: Path, case: str) -> None:
    damage, message = BROKEN[case]
    damage(practice / "leap-day")
    with pytest.raises(BrokenExerciseError, match=message) as caught:
        PolyglotBenchmark(practice)
    assert caught.value.path.is_relative_to(practice / "leap-day")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkNotFoundError, match="nowhere is not a folder"):
        PolyglotBenchmark(tmp_path / "nowhere")


def test_a_folder_without_exercises_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkNotFoundError, match="expected python/exercises/practice"):
        PolyglotBenchmark(tmp_path)
    (tmp_path / "python" / "exercises" / "practice").mkdir(parents=True)
    with pytest.raises(NoTasksError, match="holds no exercises"):
        PolyglotBenchmark(tmp_path)


def test_exercises_in_other_languages_are_named(tmp_path: Path) -> None:
    for language in ("rust", "go"):
        (tmp_path / language / "exercises" / "practice" / "leap").mkdir(parents=True)
    with pytest.raises(NoTasksError, match="for go, rust, but none for python"):
        PolyglotBenchmark(tmp_path)


def test_the_katas_are_forty_eight_in_three_bands() -> None:
    tasks = katas().tasks()
    bands = [task.tags["band"] for task in tasks]
    assert {band: bands.count(band) for band in bands} == {"easy": 16, "middle": 16, "hard": 16}
    assert all(task.id.startswith("katas/") for task in tasks)
    assert all(task.test.tier is Tier.A and task.test.expected and not task.learn for task in tasks)
    assert all(task.visible_tests for task in tasks)
