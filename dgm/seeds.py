"""The agent that a search starts from: the packaged seed, or a directory of the user's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from dgm.errors import ConfigError
from dgm.jobs.manifest import MANIFEST
from sandbox import Files

PACKAGED = "seed"
_LEFT_OUT = {"__pycache__", ".git"}


def read_agent(name: str) -> Files:
    """The tree of the agent `name`: `seed`, or the path of a directory with an `agent.toml`.

    Raises ConfigError for a directory that is not an agent; links are refused, byte code and `.git` left out.
    """
    root = Path(str(files("dgm") / "seed")) if name == PACKAGED else Path(name)
    if not (root / MANIFEST).is_file():
        raise ConfigError(f"agent must be `{PACKAGED}` or a directory with an {MANIFEST}, got {name!r}")
    tree: dict[str, bytes] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if _LEFT_OUT.intersection(relative.parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise ConfigError(f"agent: {path} is a link; an agent is a tree of regular files")
        if path.is_file():
            tree[relative.as_posix()] = path.read_bytes()
    return tree
