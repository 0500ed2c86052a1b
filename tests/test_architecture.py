"""Which rooms exist, which way imports point, and which file alone touches an SDK."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("archive", "sandbox", "dgm")
PLAIN = {"seed", "exercises"}
"""Directories of files that are data to us."""

MAY_IMPORT = {
    "archive": set(),
    "sandbox": set(),
    "dgm.cmp": {"archive"},
    "dgm.columns": {"archive"},
    "dgm.tree": {"archive", "dgm.cmp", "dgm.columns"},
    "dgm.ending": {"archive", "dgm.cmp", "dgm.columns", "dgm.tree"},
    "dgm.streams": set(),
    "dgm.bandit": set(),
    "dgm.means": set(),
    "dgm.errors": set(),
    "dgm.prompts": set(),
    "dgm.policies": {"archive", "dgm.tree", "dgm.cmp"},
    "dgm.benchmarks": {"archive", "sandbox"},
    "dgm.origins": {"archive"},
    "dgm.stillness": set(),
    "dgm.llm": {"archive", "dgm.origins", "dgm.stillness"},
    "dgm.gates": {"archive", "sandbox", "dgm.llm"},
    "dgm.operators": {
        "archive",
        "dgm.asking",
        "dgm.bandit",
        "dgm.benchmarks",
        "dgm.errors",
        "dgm.prompts",
        "dgm.results",
        "dgm.streams",
    },
    "dgm.jobs": {
        "archive",
        "sandbox",
        "dgm.benchmarks",
        "dgm.llm",
        "dgm.gates",
        "dgm.operators",
        "dgm.stillness",
    },
    "dgm.workers": {"archive", "sandbox", "dgm.jobs", "dgm.llm"},
    "dgm.choosing": {"archive", "dgm.bandit", "dgm.tree"},
    "dgm.asking": {"archive", "dgm.bandit", "dgm.choosing", "dgm.tree"},
    "dgm.deciding": {
        "archive",
        "dgm.asking",
        "dgm.choosing",
        "dgm.ending",
        "dgm.policies",
        "dgm.streams",
        "dgm.tree",
    },
    "dgm.pictures": {"dgm.errors"},
    "dgm.matching": {"archive", "dgm.errors"},
    "dgm.simulate": {
        "archive",
        "dgm.deciding",
        "dgm.errors",
        "dgm.means",
        "dgm.pictures",
        "dgm.policies",
        "dgm.tree",
    },
    "dgm.search": {
        "archive",
        "dgm.breaker",
        "dgm.deciding",
        "dgm.ending",
        "dgm.health",
        "dgm.jobs",
        "dgm.purse",
        "dgm.steering",
        "dgm.tree",
        "dgm.watching",
        "dgm.workers",
    },
    "dgm.control": {"archive", "dgm.errors", "dgm.schemas"},
    "dgm.steering": {"archive", "dgm.control", "dgm.errors"},
    "dgm.watching": {"archive", "dgm.deciding", "dgm.ending", "dgm.purse", "dgm.tree"},
    "dgm.purse": set(),
    "dgm.breaker": set(),
    "dgm.health": {"archive", "dgm.jobs"},
    "dgm.planning": {
        "archive",
        "dgm.asking",
        "sandbox",
        "dgm.benchmarks",
        "dgm.choosing",
        "dgm.gates",
        "dgm.jobs",
        "dgm.llm",
        "dgm.operators",
        "dgm.results",
        "dgm.streams",
    },
    "dgm.payments": {"archive", "dgm.llm"},
    "dgm.results": {"archive", "dgm.cmp"},
    "dgm.report": {
        "archive",
        "dgm.asking",
        "dgm.choosing",
        "dgm.cmp",
        "dgm.columns",
        "dgm.ending",
        "dgm.errors",
        "dgm.llm",
        "dgm.matching",
        "dgm.means",
        "dgm.origins",
        "dgm.pictures",
        "dgm.results",
        "dgm.schemas",
        "dgm.tree",
        "dgm.watching",
        "dgm.width",
    },
    "dgm.events": {"archive", "dgm.watching", "dgm.workers"},
    "dgm.tracking": set(),
    "dgm.width": {"dgm.errors"},
    "dgm.beside": {"dgm.width"},
    "dgm.interrupts": set(),
    "dgm.usage": {"dgm.errors"},
    "dgm.schemas": set(),
    "dgm.choices": {"dgm.policies", "dgm.schemas", "dgm.simulate"},
    "dgm.config": {"dgm.choices", "dgm.errors", "dgm.schemas"},
}
"""Room -> what it may import of ours."""

TOP = {
    "dgm.__main__",
    "dgm.comparing",
    "dgm.estimate",
    "dgm.advising",
    "dgm.simulating",
    "dgm.cli",
    "dgm.keeping",
    "dgm.launch",
    "dgm.live",
    "dgm.multirun",
    "dgm.observing",
    "dgm.regrade",
    "dgm.grader",
    "dgm.replay",
    "dgm.prepare",
    "dgm.resume",
    "dgm.doctor",
    "dgm.seeds",
    "dgm.showing",
}
"""Rooms that may import any other."""

ONE_FILE = {
    "ray": {f"dgm/workers/ray_{part}.py" for part in ("cluster", "nodes", "parts", "pool")},
    "docker": {"sandbox/docker/engine.py"},
    "hydra": {"dgm/config.py"},
    "omegaconf": {"dgm/config.py"},
    "git": {"archive/gitstore.py"},
    "igraph": {"dgm/report/page/layout.py"},
    "mlflow": {"dgm/tracking/to_mlflow.py"},
    "wandb": {"dgm/tracking/to_wandb.py"},
    "matplotlib": {
        "dgm/pictures.py",
        "dgm/simulate/picture.py",
        *(f"dgm/report/plots/{name}.py" for name in ("agents", "comparison", "course", "figures", "tree")),
    },
}


def sources() -> Iterator[Path]:
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not PLAIN.intersection(path.relative_to(ROOT).parts):
                yield path


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    parts = name.split(".")
    return parts[0] if parts[0] in ("archive", "sandbox") else ".".join(parts[:2])


@cache
def imports(path: Path) -> frozenset[str]:
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    here = module(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield ".".join([*package[: len(package) - node.level + 1], *(node.module or "").split(".")])
        elif isinstance(node, ast.ImportFrom) and node.module == "dgm":
            yield from (f"dgm.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", list(sources()), ids=module)
def test_imports_point_one_way(path: Path) -> None:
    here = room(module(path))
    if here in TOP or here == "dgm":
        return
    assert here in MAY_IMPORT, f"{here} is a room that tests/test_architecture.py does not know"
    for name in imports(path):
        there = room(name)
        if there.split(".")[0] in OURS and there != here:
            assert there in MAY_IMPORT[here], f"{module(path)} imports {name}"


@pytest.mark.parametrize(("library", "files"), list(ONE_FILE.items()))
def test_one_file_touches_each_sdk(library: str, files: set[str]) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= files


@pytest.mark.parametrize("folder", ["dgm/seed"])
def test_plain_files_import_nothing_of_ours(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & set(OURS), path


def test_type_checks_are_switched_off_only_where_an_sdk_is_untyped() -> None:
    allowed = {
        "sandbox/docker/engine.py",
        "dgm/workers/ray_cluster.py",
        "archive/gitstore.py",
        "dgm/config.py",
    }
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if "# type: ignore" in path.read_text(encoding="utf-8")
    }
    assert found <= allowed


def test_broad_excepts_stand_where_foreign_code_is_called() -> None:
    boundary = {"dgm/workers/local_pool.py", "dgm/workers/ray_pool.py"}
    hosts_of_foreign_code = {
        "sandbox/grader/proxies.py",
        "sandbox/grader/remote.py",
        "sandbox/grader/solution_host.py",
    }
    found = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if "except Exception" in path.read_text(encoding="utf-8")
    }
    assert found <= boundary | hosts_of_foreign_code
