"""The pages on own tasks, agents and policies: their files, written as the pages show them, do what the pages say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archive import Decision, Split
from dgm.gates import smoke
from dgm.seeds import read_agent
from sandbox import open_sandbox
from tests.dgm.commands import ROOT, dgm
from tests.dgm.gates.test_smoke import SAMPLE, smoked
from tests.dgm.jobs.agents import Denying, serving
from tests.end_to_end.real import rows_of, small

PAGES = ("own-tasks", "own-agent", "own-policy")
FILE = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def files_of(page: str) -> dict[str, str]:
    return dict(FILE.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of all three pages."""
    place = tmp_path_factory.mktemp("own")
    for page in PAGES:
        for name, text in files_of(page).items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
    return place


@pytest.mark.parametrize("page", PAGES)
def test_an_example_is_short_and_the_readme_leads_to_it(page: str) -> None:
    lines = [line for text in files_of(page).values() for line in text.splitlines() if line.strip()]
    assert 0 < len(lines) < 40
    assert f"(docs/{page}.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_own_tasks_pass_the_check(here: Path) -> None:
    said = dgm("benchmark", "check", f"path={here / 'mine'}", "--sandbox", "process")
    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1] == "1 tasks checked at sandbox level process: 0 findings"


def test_an_own_agent_passes_the_smoke_gate_and_its_own_check(here: Path) -> None:
    sandbox = open_sandbox("process")
    with serving(sandbox, Denying()) as services:
        assert smoke.passed(smoked(read_agent(str(here / "plain")), services).files, SAMPLE)
    sandbox.close()
    subprocess.run([sys.executable, "agent.py", "check"], cwd=here / "plain", check=True)


def test_an_own_policy_searches_made_up_worlds(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(here))
    few = ("world=B", "budget.total=30", "seeds=2", "processes=1", "--json")
    said = dgm("simulate", "--config-dir", str(here), "-m", "policy=huxley,keen", *few)
    assert said.status == 0, said.err
    assert [one["policy"] for one in said.json["results"]] == ["huxley", "keen"]


def test_all_three_together_make_a_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(here))
    practice = here / "mine" / "python" / "exercises" / "practice"
    shutil.copytree(
        practice / "fahrenheit", practice / "fahrenheit-again"
    )  # one to search by, one to test by
    given = small(
        here,
        agent=here / "plain",
        policy="keen",
        **{
            "benchmark.path": here / "mine",
            "benchmark.search": 1,
            "benchmark.confirm": 0,
            "benchmark.test": 1,
        },
        **{"budget.evaluations": 2, "budget.expansions": 1},
    )
    said = dgm("run", "--config-dir", str(here), *given)
    assert said.status == 0, said.out + said.err
    decided = {row.policy for row in rows_of(here / "runs" / "a", Decision) if row.split is not Split.TEST}
    assert decided == {"keen"}
    assert dgm("replay", str(here / "runs" / "a")).status == 0
