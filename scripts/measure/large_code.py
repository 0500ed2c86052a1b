"""Agents' code and texts of a large run, written without waiting for the disk once per file as a driver does."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archive import AgentId, Blobs
from archive.gitstore import commit_object
from archive.trees import tree_objects
from dgm.llm import packed
from dgm.llm.values import Exchange


@dataclass(frozen=True, kw_only=True)
class Text:
    """A transcript of one call: its blob, and the hashes of request and answer."""

    blob: str
    request: str
    response: str


def write_agents(code: Path, parents: NDArray[np.int64]) -> tuple[list[AgentId], list[str]]:
    """One agent per entry of `parents`, which are places before it, -1 for a seed: their ids and trees.

    Each differs from its parent in one of its two files.
    """
    ids: list[AgentId] = []
    trees: list[str] = []
    for number, parent in enumerate(parents.tolist()):
        tree, objects = tree_objects({"agent.toml": b"the same\n", "prompt.md": b"Prompt %d\n" % number})
        id, commit = commit_object(tree, () if parent < 0 else (ids[parent],), "An agent", number)
        for name, content in (*objects.items(), (id, commit)):
            path = code / "objects" / name[:2] / name[2:]
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(zlib.compress(content, 1))
        (code / "refs" / "agents" / id).write_text(f"{id}\n")
        ids.append(id)
        trees.append(tree)
    return ids, trees


def write_texts(blobs: Blobs, count: int) -> list[Text]:
    """So many transcripts, all different."""
    texts = []
    for number in range(count):
        exchange = Exchange(n=0, request=b'{"number": %d}' % number, response=b'{"answer": %d}' % number)
        texts.append(
            Text(
                blob=blobs.put(packed([exchange])),
                request=hashlib.sha256(exchange.request).hexdigest(),
                response=hashlib.sha256(exchange.response).hexdigest(),
            )
        )
    return texts
