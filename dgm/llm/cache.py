"""Answers kept from one run for the next: who asks exactly the same, for the same sample, is not sold it again.

Beside the journal, which belongs to one decision of one run: this is a directory of a file per answer, which runs and
nodes may share. Only whole answers with believable figures are kept, under the output limit that was asked for.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from dgm.llm.journal import Answered
from dgm.llm.values import Tokens
from dgm.llm.wire import ModelRequest


class Keys:
    """Names for the calls of a rollout: model, request, sample, and how often it has asked just that before."""

    def __init__(self, model: str, sample: bytes) -> None:
        self._model = model
        self._sample = sample
        self._asked: Counter[str] = Counter()

    def of(self, request: ModelRequest) -> str:
        """The name of the next call that asks this. Streamed or not, it is the same answer."""
        parts = [self._model, self._sample.hex(), request.api.value, request.output_limit, request.forward]
        exact = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        self._asked[exact] += 1
        return hashlib.sha256(f"{exact} {self._asked[exact]}".encode()).hexdigest()


class Cache:
    """The answers in a directory. Safe for many readers and writers: a file appears whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, key: str) -> Answered | None:
        """The answer of that name. What cannot be read is not there: it is bought again and written anew."""
        try:
            kept = json.loads(self._path(key).read_bytes())
            return Answered(**{**kept, "tokens": Tokens(**kept["tokens"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, key: str, answered: Answered) -> None:
        """Raises OSError."""
        path = self._path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f".{secrets.token_hex(8)}")
        try:
            part.write_text(json.dumps({**asdict(answered), "chunks": None}), "utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._directory / key[:2] / f"{key}.json"
