"""The commands that read a run: text for people, which no agent can use to deceive them, and one JSON document."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archive
from archive import RunInfo, Split, create_run
from archive.answers import ANSWERS
from archive.testing import an_agent
from tests.dgm.commands import ROOT, Said, dgm
from tests.dgm.report.hostile import ODD_TASK, hostile_run

REHEARSAL = {"llm": {"name": "rehearsal"}}
PAGES = (
    ("tree",),
    ("best",),
    ("tasks",),
    ("show", "best"),
    ("show", "1"),
    ("show", "seed"),
    ("why",),
    ("why", "1"),
    ("diff", "best"),
    ("lineage", "best"),
    ("flips",),
    ("costs",),
    ("timeline",),
    ("operators",),
)
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_run(tmp_path_factory.mktemp("runs") / "a", REHEARSAL)


def read(run: Path, page: tuple[str, ...], *flags: str) -> Said:
    said = dgm(page[0], str(run), *page[1:], *flags)
    assert said.status == 0, said.err
    assert said.err == ""
    return said


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_no_text_steers_the_terminal(run: Path, page: tuple[str, ...]) -> None:
    text = read(run, page).out
    assert not STEERING.search(text)


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_json_is_one_document(run: Path, page: tuple[str, ...]) -> None:
    said = read(run, page, "--json")
    assert said.out.isascii()
    assert said.out.count("\n") == 1
    assert isinstance(said.json, dict)


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_every_page_says_rehearsal_and_a_weaker_sandbox(run: Path, page: tuple[str, ...]) -> None:
    assert "rehearsal: a stand-in answered" in read(run, page).out
    assert "sandbox: process, weaker than docker" in read(run, page).out
    about = read(run, page, "--json").json["run"]
    assert about["rehearsal"] is True
    assert about["sandbox"] == ["process"]
    assert [note.split(":")[0] for note in about["notes"]] == ["rehearsal", "sandbox"]


def test_the_tree(run: Path) -> None:
    lines = read(run, ("tree",)).out.splitlines()
    agents = read(run, ("tree",), "--json").json["agents"]
    seed, child = (agent["agent"][:10] for agent in agents)
    assert lines[0].startswith(f"{seed}  1/2  0.50 [0.09, 0.91]  clade 3/4 0.67")
    assert lines[1] == f"└─ {child}  2/2  0.75 [0.29, 0.99]  clade 2/2 0.75  <- best belief"
    assert (agents[0]["resolved"], agents[0]["evaluations"], agents[1]["best"]) == (1, 2, True)


def test_the_best(run: Path) -> None:
    text = read(run, ("best",)).out
    assert "test 1/1 = 100 % [16, 99]" in text
    assert "test 0/1 = 0 % [1, 84]" in text
    assert (
        "gain on test: +100.0 points, 95 % interval [+100.0, +100.0] (paired bootstrap over 1 tasks)" in text
    )
    found = read(run, ("best",), "--json").json
    assert found["gain"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "tasks": 1}
    assert found["test"]["best"]["by_task"] == {"katas/tested": 1.0}


def test_the_tasks_keep_one_line_each(run: Path) -> None:
    lines = read(run, ("tasks",)).out.splitlines()
    assert len(lines) == 1 + 3 + 2
    assert "-#" in next(line for line in lines if "fake" in line)
    tasks = read(run, ("tasks",), "--json").json["tasks"]
    assert [task["task"] for task in tasks] == ["katas/anagram", ODD_TASK, "katas/tested"]


def test_lineage_flips_costs_and_time_line(run: Path) -> None:
    seed, child = (agent["agent"] for agent in read(run, ("tree",), "--json").json["agents"])
    line = read(run, ("lineage", "best"), "--json").json["lineage"]
    assert [step["agent"] for step in line] == [seed, child]
    assert line[0]["cost_microusd"] is None
    (flip,) = read(run, ("flips",), "--json").json["flips"]
    assert (flip["parent"], flip["child"]) == (seed, child)
    assert read(run, ("flips",)).out.splitlines()[:2] == [
        "parent      child       tasks  pp  pf  fp  ff",
        f"{seed[:10]}  {child[:10]}      2   1   0   1   0",
    ]
    costs = read(run, ("costs",), "--json").json["costs"]
    assert [tuple(row) for row in costs] == [tuple(ANSWERS["costs"].names)] * len(costs)
    jobs = read(run, ("timeline",), "--json").json["timeline"]
    assert len(jobs) == len(read(run, ("timeline",)).out.splitlines()) - 1 - 2
    assert {job["kind"] for job in jobs} == {"expand", "evaluate"}


def test_a_run_far_away_is_read_like_one_here(run: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    for path in run.rglob("*"):
        if path.is_file() and "code.git" not in path.parts:
            files.pipe_file(f"/far/{path.relative_to(run)}", path.read_bytes())
    try:
        for page in (("tree",), ("tasks",), ("show", "1"), ("timeline",)):
            said = dgm(page[0], "memory://far", *page[1:])
            assert (said.status, said.out) == (0, read(run, page).out)
        said = dgm("diff", "memory://far", "best")
        assert said.status == 2
        assert "is a git repository, which is read from a local directory only" in said.err
        said = dgm("verify", "memory://far")
        assert said.status == 2
        assert "this command needs the directory of a run, got memory://far" in said.err
    finally:
        files.rm("/far", recursive=True)


def test_show_by_number_by_id_and_by_name(run: Path) -> None:
    entry = read(run, ("show", "1"), "--json").json
    assert [row["row"] for row in entry["rows"]] == ["decision", "evaluation"]
    evaluation: dict[str, Any] = entry["rows"][1]
    assert read(run, ("show", evaluation["id"][:12]), "--json").json["id"] == evaluation["id"]
    child = read(run, ("show", "best"), "--json").json
    assert child["row"] == "agent"
    assert child["made_by"]["outcome"] == "child"
    assert read(run, ("show", child["id"][:12]), "--json").json == child


def test_the_json_of_a_diff_is_the_patch_as_it_is(run: Path) -> None:
    patch = read(run, ("diff", "best"), "--json").json["patch"]
    with archive.open(run) as reader:
        seed, child = (
            row.id for entry in reader.entries() for row in entry.rows if type(row).__name__ == "Agent"
        )
        assert patch == reader.code.patch(seed, child)
    assert "\x1b[2J" in patch
    assert "\\x1b[2J" in read(run, ("diff", "best")).out
    assert read(run, ("diff", "seed", "best"), "--json").json["from"] == child


def test_a_best_agent_that_is_the_seed_has_changed_nothing(tmp_path: Path) -> None:
    info = RunInfo(id="f" * 32, seed=0, config=REHEARSAL, splits={Split.SEARCH: ("katas/a",)})
    with create_run(tmp_path / "a", info) as run:
        id = run.code.commit({"agent.toml": b""}, message="seed", seq=0)
        run.append(an_agent(0, id=id))
    said = dgm("diff", str(tmp_path / "a"), "best")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[-1] == "the seed is the best-belief agent: nothing has changed"
    assert dgm("diff", str(tmp_path / "a"), "seed", "best").out.splitlines()[-1] == "no difference"
    found = dgm("diff", str(tmp_path / "a"), "best", "--json").json
    assert (found["from"], found["to"], found["patch"]) == (id, id, "")
    assert dgm("diff", str(tmp_path / "a"), "seed").status == 2


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (("show", "999"), "no entry 999"),
        (("show", "zz"), "no agent of this run begins with 'zz'"),
        (("show", ""), "no agent"),
        (("show", "\x1b[2J"), "\\x1b[2J"),
        (("diff", "seed"), "the seed and has no parent"),
        (("diff", "best", "zz"), "'zz'"),
    ],
)
def test_what_is_not_in_the_run(run: Path, page: tuple[str, ...], words: str) -> None:
    said = dgm(page[0], str(run), *page[1:])
    assert said.status == 2
    assert words in said.err
    assert not STEERING.search(said.err)


def test_a_run_is_found_under_runs_by_its_name(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent.parent)
    (run.parent.parent / "runs").symlink_to(run.parent)
    assert dgm("tree", "a").status == 0


def test_a_replay_says_what_it_replays(tmp_path: Path) -> None:
    rehearsed = hostile_run(tmp_path / "first", REHEARSAL)
    replay = hostile_run(tmp_path / "second", {"llm": {"name": "replay", "run": str(rehearsed)}})
    about = dgm("tree", str(replay), "--json").json["run"]
    assert about["rehearsal"] is True
    assert str(rehearsed) in about["notes"][0]
    (rehearsed / "run.json").unlink()
    assert "cannot be read now" in dgm("tree", str(replay)).out


def test_a_run_of_a_real_model_says_nothing_of_rehearsal(tmp_path: Path) -> None:
    run = hostile_run(tmp_path / "real", {"llm": {"name": "openai"}})
    assert "rehearsal" not in dgm("best", str(run)).out
    assert dgm("best", str(run), "--json").json["run"]["rehearsal"] is False


def a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(arguments, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_reading_imports_neither_hydra_nor_the_gateway_nor_an_engine(run: Path) -> None:
    code = (
        "import sys; from dgm.cli import main; main(['tree', sys.argv[1]])\n"
        "print(*sorted({'hydra', 'ray', 'docker', 'aiohttp', 'rich', 'git', 'openai'} & set(sys.modules)))"
    )
    done = a_process(sys.executable, "-c", code, str(run))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""


def test_a_reader_that_goes_away_is_no_error(run: Path) -> None:
    script = f"{sys.executable} -m dgm.cli tasks {run} | head -n 1; echo ${{PIPESTATUS[0]}} >&2"
    slow = f"{sys.executable} -m dgm.cli show {run} best | true; echo ${{PIPESTATUS[0]}} >&2"
    for line in (script, slow):
        done = a_process("bash", "-c", line)
        assert done.stderr.strip() in ("0", "1"), done.stderr


def test_an_output_that_knows_no_lines_gets_escapes(run: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "dgm.cli", "tree", str(run)],
        env=env,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert b"\\u2514" in done.stdout


def test_help_names_every_command() -> None:
    said = dgm("--help")
    assert said.status == 0
    for command in (
        "run",
        "tree",
        "best",
        "tasks",
        "show",
        "diff",
        "regrade",
        "doctor",
        "benchmark check",
        "images build",
    ):
        assert f"dgm {command}" in said.out


def test_the_helps_name_every_choice() -> None:
    helps = {command: dgm(command, "--help") for command in ("run", "simulate")}
    assert [said.status for said in helps.values()] == [0, 0]
    for path in (ROOT / "configs").glob("*/*.yaml"):
        said = helps["simulate" if path.parent.name == "world" else "run"]
        assert re.search(rf"^ +{path.parent.name} .*\b{path.stem}\b", said.out, re.MULTILINE), path
    assert "_schema" not in said.out
