"""docs/cluster.md and the files that it gives to copy: commands that parse, files that their programs would take."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli

from dgm.workers.placing import DOCKER, ENGINE, SLOTS
from tests.dgm.commands import composed

ROOT = Path(__file__).parent.parent
FILES = ROOT / "docs" / "examples" / "cluster"
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    words for block in BLOCKS for line in block.splitlines() if (words := shlex.split(line, comments=True))
]


def test_the_page_shows_commands_and_names_files_that_there_are() -> None:
    assert len(COMMANDS) > 12
    named = re.findall(r"\]\((examples/[^)]+)\)", PAGE)
    assert {Path(name).name for name in named} == {path.name for path in FILES.iterdir()}
    for block in BLOCKS:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("words", [words for words in COMMANDS if "dgm" in words], ids=" ".join)
def test_every_search_on_the_page_composes(words: list[str]) -> None:
    run = words[words.index("dgm") :]
    assert run[:2] == ["dgm", "run"]
    for seed in ("0", "1") if "-m" in run else ("",):
        values = [word for word in run[2:] if not word.startswith("-")]
        composed(*(re.sub("=0,1,2$", f"={seed}", value) for value in values))


def test_labels_are_asked_for_as_the_page_says() -> None:
    [value] = re.findall(r"`'(workers\.labels=.*?)'`", PAGE)
    assert composed("workers=cluster", value)["workers"]["labels"] == {"dgm-arch": "x86_64"}
    value = "workers.labels={ray.io/market-type: spot}"
    assert composed("workers=cluster", value)["workers"]["labels"] == {"ray.io/market-type": "spot"}


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] == "ray"], ids=" ".join)
def test_every_command_of_ray_on_the_page_parses(words: list[str]) -> None:
    command, rest = cli, words[1:]
    while rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    assert command is not cli
    command.make_context(words[1], rest, resilient_parsing=False)


def test_ray_takes_the_file_for_ray_up() -> None:
    config: dict[str, Any] = yaml.safe_load((FILES / "ray-up.yaml").read_text(encoding="utf-8"))
    whole = prepare_config(config)
    validate_config(whole)
    kinds = whole["available_node_types"]
    assert SLOTS not in kinds["head"]["resources"]
    assert kinds["worker"]["resources"][SLOTS] > 0
    assert kinds["worker"]["labels"][ENGINE] == DOCKER


def test_the_job_for_kuberay_has_what_a_job_needs() -> None:
    job = yaml.safe_load((FILES / "rayjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    known = {"entrypoint", "submissionMode", "backoffLimit", "shutdownAfterJobFinishes", "rayClusterSpec"}
    assert set(job["spec"]) == known
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    composed(*shlex.split(job["spec"]["entrypoint"])[2:])
    head, [workers] = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    assert head["rayStartParams"] == {"num-cpus": "0"}
    started = workers["rayStartParams"]
    assert json.loads(json.loads(started["resources"])) == {SLOTS: 8}
    assert f"{ENGINE}={DOCKER}" in started["labels"]
    for pod in (head["template"]["spec"], workers["template"]["spec"]):
        volumes = {volume["name"] for volume in pod["volumes"]}
        ray, engine = pod["containers"]
        assert {mount["name"] for box in (ray, engine) for mount in box["volumeMounts"]} <= volumes
        places = [
            {mount["name"]: mount["mountPath"] for mount in box["volumeMounts"]} for box in (ray, engine)
        ]
        assert places[0]["shared"] == places[1]["shared"]  # sockets of rollouts lie at one path for both


SRUN = '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift; done\nexec "$@"\n'
RAY = """#!/bin/bash
echo "ray $*" >> "$LOG"
[ "$1" = status ] || exec sleep 60
grep -q -- --head "$LOG"
"""
DGM = """#!/bin/bash
until [ "$(grep -c "ray start" "$LOG")" = 3 ]; do sleep 0.1; done
echo "dgm $* $(stat -c %a "$RAY_AUTH_TOKEN_PATH")" >> "$LOG"
exit 3
"""
SCONTROL = "#!/bin/bash\nprintf 'n1\\nn2\\nn3\\n'\n"


def test_the_script_for_slurm_starts_a_cluster_and_ends_as_its_search_does(tmp_path: Path) -> None:
    programs, log = tmp_path / "bin", tmp_path / "log"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("ray", RAY), ("dgm", DGM), ("scontrol", SCONTROL)):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LOG": str(log),
        "SLURM_JOB_ID": "70123",
        "SLURM_JOB_NODELIST": "n[1-3]",
        "SLURM_SUBMIT_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        ["bash", str(FILES / "slurm.sh"), "name=a"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 3, ended.stderr
    lines = log.read_text(encoding="utf-8").splitlines()
    takes = '--num-cpus=0 --block --resources={"dgm_slots": 16} --labels=dgm-engine=none'
    assert f"ray start --head --port=20123 {takes}" in lines
    assert lines.count(f"ray start --address=n1:20123 {takes}") == 2
    [run] = [line for line in lines if line.startswith("dgm")]
    assert (
        run
        == f"dgm run workers=cluster workers.address=n1:20123 runs_dir={tmp_path}/runs grace_s=60 name=a 600"
    )
    composed(*run.split()[2:-1])
    assert list((tmp_path / "runs").iterdir()) == []
