"""The command line called in this process, as the installed `dgm` calls it, and small inputs for it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module

from dgm.benchmarks.polyglot import KATAS, PRACTICE
from dgm.cli import main
from dgm.config import Plain, plain, register

ROOT = Path(__file__).parents[2]
EXERCISES = KATAS / "python" / PRACTICE
SMALL = ("workers=local", "workers.slots=2", "sandbox=process", "display=plain")


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def dgm(*arguments: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    return Said(status, out.getvalue(), err.getvalue())


def composed(*overrides: str, name: str = "config") -> Plain:
    """The configuration that `dgm run` makes of these overrides; with the name `simulate`, that of `dgm simulate`."""
    register()
    with initialize_config_module(config_module="configs", version_base="1.3"):
        return plain(compose(name, overrides=list(overrides)))


def few_katas(folder: Path, names: Sequence[str]) -> Path:
    """A folder in the polyglot layout with some of our katas."""
    practice = folder / PRACTICE
    for name in names:
        shutil.copytree(EXERCISES / name, practice / name)
    return folder


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A file system that is really full when so much is written; skips where none can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def files_below(folder: Path) -> dict[str, bytes]:
    """Every path below `folder`; directories with a slash at their end."""
    return {
        str(path.relative_to(folder)) + "/" * path.is_dir(): b"" if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
