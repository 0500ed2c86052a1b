"""What `dgm run` refuses: one message, no traceback, status 2, and nothing left on disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archive import create_run
from dgm.launch import run_info
from dgm.prepare import prepare
from tests.dgm.commands import ROOT, SMALL, Said, composed, dgm, few_katas, files_below, small_disk


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    for name in ("OPENAI_API_KEY", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assert_refused(said: Said, *words: str) -> None:
    assert said.status == 2, said
    assert said.out == ""
    assert said.err.startswith("dgm: ")
    assert "Traceback" not in said.err
    assert "HYDRA" not in said.err
    for word in words:
        assert word in said.err


def refused(here: Path, *arguments: str, words: tuple[str, ...]) -> None:
    before = files_below(here)
    assert_refused(dgm("run", *arguments), *words)
    assert files_below(here) == before


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("policy.alpah=1", ("policy.alpah", "HuxleyConfig")),
        ("+policy.alpah=1", ("policy.alpah",)),
        ("+sandbox.privileged=true", ("sandbox.privileged",)),
        ("sandbox.runtime=runsc", ("sandbox.runtime=runsc", "docker")),
        ("+evaluations=3", ("evaluations",)),
        ("policy=newton", ("policy/newton", "huxley", "uniform")),
        ("policy=null", ("Config group",)),
        ("policy.alpha=wide", ("policy.alpha", "Float")),
        ("policy.alpha=-1", ("policy.alpha", "(0, 1]", "-1")),
        ("budget.evaluations=many", ("budget.evaluations", "Integer")),
        ("budget.evaluations=-1", ("budget.evaluations", "at least 0", "-1")),
        ("budget.expansions=-2", ("budget.expansions", "-2")),
        ("budget.test_repeats=-1", ("budget.test_repeats",)),
        ("budget.rollout.calls=0", ("budget.rollout.calls", "at least 1")),
        ("budget.rollout.usd=-1", ("budget.rollout.usd",)),
        ("budget.rollout.solve_s=0", ("budget.rollout.solve_s", "above 0")),
        ("budget.rollout.improve_s=nan", ("budget.rollout.improve_s", "finite")),
        ("budget.evaluations=99999999999999999999", ("budget.evaluations", "64 bits")),
        ("seed=-1", ("seed", "at least 0")),
        ("runs_dir=", ("runs_dir", "got nothing", "runs_dir=.")),
        ("benchmark.name=", ("benchmark.name", "''")),
        ("benchmark.name='a/b c'", ("benchmark.name", "letters, digits", "'a/b c'")),
        ("workers.slots=-1", ("workers.slots", "at least 0")),
        ("workers.width=0", ("workers.width", "from 1 to the slots", "0")),
        ("workers.width=wide", ("workers.width", "all, auto or a number", "'wide'")),
        ("workers.width=true", ("workers.width", "True")),
        ("workers.width=100000", ("workers.width", "slots that there are", "workers.slots")),
        ("workers.address=127.0.0.1:1", ("workers.address", "127.0.0.1:1")),
        ("sandbox.memory_mib=-5", ("sandbox.memory_mib",)),
        ("sandbox.cpus=0", ("sandbox.cpus", "above 0")),
        ("sandbox.level=chroot", ("chroot", "bubblewrap")),
        ("gate.max_files=-1", ("gate.max_files",)),
        ("llm.latency_s=-1", ("llm.latency_s",)),
        ("hydra/launcher=submitit_slurm", ("hydra/launcher", "basic or joblib", "submitit_slurm")),
        ("hydra.launcher.n_jobs=2", ("n_jobs", "hydra/launcher=joblib")),
        ("improver=foo", ("improver", "parent or seed", "foo")),
        ("display=loud", ("display", "plain", "loud")),
        ("foo", ("foo", "EQUAL")),
        ("name=../x", ("name", "../x")),
        ("name=a/b", ("name", "a/b")),
        ("name=/tmp/x", ("name", "/tmp/x")),
        ("name=..", ("name", "'..'")),
        ("name=", ("name", "''")),
        ("name=.hidden", ("name", ".hidden")),
        ("name='a b'", ("name", "a b")),
        ("runs_dir=/dev/null/runs", ("runs_dir", "/dev/null")),
        ("agent=nowhere", ("agent", "agent.toml", "nowhere")),
        ("benchmark.search=0", ("search split", "no task")),
        ("benchmark.test=-1", ("test split", "-1")),
        ("llm=openai", ("OPENAI_API_KEY", "https://api.openai.com/v1")),
        ("--config-dir=nowhere", ("nowhere", "not found")),
        ("--config-name=nowhere", ("nowhere",)),
    ],
)
def test_a_wrong_value(here: Path, override: str, words: tuple[str, ...]) -> None:
    refused(here, override, words=words)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["benchmark=polyglot"], ("benchmark.path",)),
        (["benchmark=polyglot", "benchmark.path=nowhere"], ("nowhere", "not a folder")),
        (["benchmark=polyglot", "benchmark.path=."], ("no exercises",)),
        (["llm=replay"], ("llm.run",)),
        (["llm=replay", "llm.run=nowhere"], ("nowhere", "not there")),
        (["llm=openai", "llm.base_url=http://203.0.113.7/v1"], ("OPENAI_API_KEY", "203.0.113.7")),
        (["llm=openai", "llm.base_url=localhost:80"], ("llm.base_url",)),
        (["llm=openai", "llm.timeout_s=0"], ("llm.timeout_s", "above 0")),
        (["llm=openai", "llm.output_tokens=3"], ("llm.output_tokens", "at least 16")),
        (
            [
                "llm=openai",
                "llm.base_url=http://127.0.0.1:1/v1",
                "budget.rollout.usd=1",
                "llm.models.solve=own",
            ],
            ("price", "own"),
        ),
        (["-m", "seed=1,two"], ("seed", "two")),
        (["-m", "seed=1,2", "policy.alpha=wide"], ("policy.alpha",)),
        (["--run", "--multirun"], ("Only one of",)),
    ],
)
def test_wrong_values_together(here: Path, overrides: list[str], words: tuple[str, ...]) -> None:
    refused(here, *overrides, words=words)


def test_a_sweep_whose_runs_are_all_wrong_leaves_nothing(here: Path) -> None:
    before = files_below(here)
    said = dgm("run", "-m", "seed=1,2", "improver=foo")
    assert said.status == 2
    assert "Traceback" not in said.err
    assert files_below(here) == before


def test_docker_that_was_asked_for_and_is_not_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{here}/no.sock")
    refused(here, "sandbox=docker", words=("docker", "no.sock"))


@pytest.mark.parametrize(
    "overrides", [["sandbox=process"], ["sandbox=process", "sandbox.accept_weaker=true"]]
)
def test_a_real_model_never_gets_a_bare_process(here: Path, overrides: list[str]) -> None:
    local = ["llm=openai", "llm.base_url=http://127.0.0.1:1/v1"]
    refused(here, *local, *overrides, words=("real model needs Docker", "process is weaker"))


def test_a_real_model_gets_bubblewrap_only_if_that_is_accepted(here: Path) -> None:
    local = ["llm=openai", "llm.base_url=http://127.0.0.1:1/v1"]
    refused(here, *local, "sandbox=bubblewrap", words=("sandbox.accept_weaker=true", "bubblewrap is weaker"))


def test_an_exercise_with_a_broken_config(here: Path) -> None:
    folder = few_katas(here / "tasks", ["apricot-rows"])
    config = next(folder.rglob(".meta/config.json"))
    config.write_text("{")
    refused(here, "benchmark=polyglot", f"benchmark.path={folder}", words=("config.json", "not valid JSON"))


def test_agents_that_are_none(here: Path) -> None:
    agent = here / "agent"
    agent.mkdir()
    (agent / "agent.toml").write_text("[agent")
    refused(here, f"agent={agent}", words=("agent.toml", "TOML"))
    (agent / "agent.toml").write_text("[agent]\nname = 'a'\n")
    refused(here, f"agent={agent}", words=("agent.solve",))
    words = '["python3", "a.py"]'
    (agent / "agent.toml").write_text(
        f"[agent]\nname = 'a'\nsolve = {words}\nimprove = {words}\ncheck = {words}\n"
    )
    (agent / "link").symlink_to("/etc/passwd")
    refused(here, f"agent={agent}", words=("link",))


def test_a_users_own_group_that_is_broken(here: Path) -> None:
    own = here / "own" / "policy"
    own.mkdir(parents=True)
    (own / "torn.yaml").write_text("a: [")
    (own / "nobody.yaml").write_text("_target_: no.such.Policy\nname: nobody\n")
    (own / "silent.yaml").write_text("name: silent\n")
    for name, words in (
        ("torn", ("torn.yaml",)),
        ("nobody", ("no.such.Policy",)),
        ("silent", ("policy", "_target_")),
    ):
        refused(here, "--config-dir=own", f"policy={name}", words=words)


# A run that is there and may not go on

A_RUN = ("name=a", *SMALL)


@pytest.fixture
def run(here: Path) -> Path:
    """A run that was started and has done nothing yet."""
    with create_run(here / "runs" / "a", run_info(prepare(composed(*A_RUN)))) as run:
        return run.path


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed=3", ("seed: 0 -> 3",)),
        ("policy.alpha=0.5", ("policy.alpha: 0.6 -> 0.5", "name")),
        ("policy=uniform", ("policy._target_: 'dgm.policies.Huxley' -> 'dgm.policies.Uniform'",)),
        (
            "budget.evaluations=7",
            ("can only grow", "budget.evaluations: 100 -> 7", "budget.expansions: 31 -> 6"),
        ),
        ("budget.expansions=30", ("budget.expansions: 31 -> 30",)),
        ("budget.test_repeats=0", ("budget.test_repeats: 2 -> 0",)),
        ("budget.rollout.tokens=1000", ("budget.rollout.tokens: 400000 -> 1000",)),
        ("budget.rollout.usd=5", ("budget.rollout.usd: None -> 5.0",)),
    ],
)
def test_a_run_goes_on_as_it_was_started(
    here: Path, run: Path, override: str, words: tuple[str, ...]
) -> None:
    refused(here, *A_RUN, override, words=words)


def test_a_run_whose_tasks_are_gone(here: Path) -> None:
    folder = few_katas(here / "tasks", ["apricot-rows", "candle-clock"])
    overrides = (*A_RUN, "benchmark=polyglot", f"benchmark.path={folder}")
    with create_run(here / "runs" / "a", run_info(prepare(composed(*overrides)))):
        pass
    shutil.rmtree(next(folder.rglob("candle-clock")))
    refused(here, *overrides, words=("tasks that the benchmark no longer has", "candle-clock"))


def test_a_run_whose_seed_agent_was_changed(here: Path) -> None:
    agent = here / "agent"
    shutil.copytree(ROOT / "dgm" / "seed", agent)
    overrides = (*A_RUN, f"agent={agent}")
    with create_run(here / "runs" / "a", run_info(prepare(composed(*overrides)))):
        pass
    with (agent / "solve.py").open("a") as file:
        file.write("\n# one line more\n")
    refused(here, *overrides, words=("started from another agent", str(agent), "code.git", "`name`"))


def test_a_run_in_use_names_its_driver(here: Path, run: Path) -> None:
    code = (
        "import sys; from archive import resume_run\n"
        "with resume_run(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        refused(here, *A_RUN, words=("in use by process", str(holder.pid)))
    finally:
        holder.communicate("")


def test_a_run_of_a_foreign_format_version(here: Path, run: Path) -> None:
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**info, "format_version": 99}))
    refused(here, *A_RUN, words=("format version 99",))
    assert_refused(dgm("tree", "a"), "format version 99")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"format": "dgm', ("run.json", "not JSON")),
        ("{}", ("not a run",)),
        ("[]", ("not a run",)),
        ('\x00\x1b[2J"', ("run.json",)),
    ],
)
def test_a_run_with_a_corrupted_run_json(here: Path, run: Path, content: str, words: tuple[str, ...]) -> None:
    (run / "run.json").write_text(content)
    refused(here, *A_RUN, words=words)
    assert_refused(dgm("best", str(run)), *words)


def test_a_run_json_that_was_edited(here: Path, run: Path) -> None:
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    refused(here, *A_RUN, words=("run.json", "checksum"))


def test_a_damaged_log(here: Path, run: Path) -> None:
    segment = next((run / "log").glob("*.jsonl"))
    segment.write_bytes(b"x" + segment.read_bytes())
    refused(here, *A_RUN, words=(str(segment), "line 1"))


@pytest.mark.parametrize("command", ["tree", "best", "tasks"])
def test_reading_what_is_no_run(here: Path, command: str) -> None:
    (here / "folder").mkdir()
    (here / "file").write_text("")
    assert_refused(dgm(command, "nowhere"), "runs/nowhere", "not there")
    assert_refused(dgm(command, "../nowhere"), "nowhere", "not there")
    assert_refused(dgm(command, "folder"), "folder", "not a run")
    assert_refused(dgm(command, "file"), "file")


def test_reading_a_run_without_agents(here: Path, run: Path) -> None:
    for command in (("tree", "a"), ("best", "a"), ("show", "a", "seed"), ("diff", "a", "best")):
        assert_refused(dgm(*command), "no agents yet")


@pytest.mark.parametrize(
    "arguments", [(), ("grow",), ("tree",), ("tree", "a", "b"), ("benchmark",), ("tree", "a", "--xml")]
)
def test_commands_that_do_not_exist(here: Path, arguments: tuple[str, ...]) -> None:
    said = dgm(*arguments)
    assert said.status == 2
    assert "dgm" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("what", ["newton", "path=nowhere"])
def test_a_benchmark_that_is_not_there(here: Path, what: str) -> None:
    assert_refused(dgm("benchmark", "check", what), what.removeprefix("path="))


def test_images_without_an_engine(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{here}/no.sock")
    assert_refused(dgm("images", "build"), "no.sock")


def test_a_full_disk(here: Path) -> None:
    with small_disk(here / "disk", kilobytes=64) as disk:
        (disk / "ballast").write_bytes(b"x" * (40 << 10))
        said = dgm("run", f"runs_dir={disk}", *A_RUN)
        assert said.status == 2
        assert "free some space" in said.err
        assert "Traceback" not in said.err
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_without_git(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(here))
    refused(here, words=("no git",))


@pytest.mark.parametrize(
    ("number", "words"), [("x", "must be a whole number, got 'x'"), ("-1", "at least 0")]
)
def test_a_number_that_is_none_is_told_in_our_words(number: str, words: str) -> None:
    said = dgm("why", "run", number)
    assert said.status == 2
    assert words in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tre", "a"), ("no command 'tre'", "did you mean `dgm tree`?", "`dgm --help` lists them")),
        (("simulat",), ("did you mean `dgm simulate`?",)),
        (("frobnicate",), ("no command 'frobnicate'; `dgm --help` lists them",)),
        (("tree", "a", "--jsn"), ("usage: dgm tree [-h] [--json] run", "unrecognized arguments: --jsn")),
        (("flips", "a", "b"), ("usage: dgm flips", "unrecognized arguments: b")),
    ],
)
def test_a_wrong_command_is_told_in_two_lines(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    said = dgm(*arguments)
    assert (said.status, said.out) == (2, "")
    assert len(said.err.splitlines()) <= 2
    for word in words:
        assert word in said.err


def test_help_of_a_command_says_what_it_does() -> None:
    for name, told in (
        ("why", "what came second"),
        ("change", "workers.slots=4"),
        ("export", "Delta Lake tables"),
    ):
        said = dgm(name, "--help")
        assert (said.status, said.err) == (0, "")
        assert told in said.out
        assert f"usage: dgm {name}" in said.out


def test_dgm_says_its_version() -> None:
    said = dgm("--version")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("dgm ")
