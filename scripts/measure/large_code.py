"""Agents' code and texts of a large run, written without waiting for the disk once per file as a driver does."""

from __future__ import annotations

import hashlib
import json
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

MESSAGES = 40
ROLES = ("user", "assistant")


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
    """So many transcripts, all different, as long as agents' are: up to `MESSAGES` messages and an answer."""
    generator = np.random.default_rng(count)
    texts = []
    for number in range(count):
        said = [_words(generator) for _ in range(generator.integers(2, MESSAGES))]
        messages = [{"role": ROLES[n % 2], "content": text} for n, text in enumerate(said)]
        answer = {"choices": [{"message": {"role": "assistant", "content": f"{number}"}}]}
        exchange = Exchange(
            n=0, request=json.dumps({"messages": messages}).encode(), response=json.dumps(answer).encode()
        )
        texts.append(
            Text(
                blob=blobs.put(packed([exchange])),
                request=hashlib.sha256(exchange.request).hexdigest(),
                response=hashlib.sha256(exchange.response).hexdigest(),
            )
        )
    return texts


def _words(generator: np.random.Generator) -> str:
    """Up to 500 words, some of them far more frequent than others, so that they pack about as text does."""
    drawn = 3000 * generator.random(generator.integers(1, 500)) ** 3
    return " ".join(f"{number * 7919 % 99991:x}" for number in drawn.astype(np.int64).tolist())
