"""A fake provider for tests: its own process, real HTTP on 127.0.0.1, the chat completions protocol.

    with FakeUpstream() as upstream:
        upstream.script({"do": "status", "status": 429}, {"do": "answer", "text": "hello"})
        ... call upstream.base_url ...
        assert upstream.counts()["requests"] == 2

Each request takes the next step of the script; when none is left the provider answers by itself: it repeats
the last message, or, with `rehearsal=True`, says what the rehearsal stand-in says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]


class FakeUpstream:
    """Starts the server when entered and ends it when left. With `key` it answers 401 to any other."""

    def __init__(self, *, key: str | None = None, rehearsal: bool = False) -> None:
        self._arguments = (["--key", key] if key else []) + (["--rehearsal"] if rehearsal else [])
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, *steps: dict[str, Any]) -> None:
        """Add steps; see `server.py` for what each can say."""
        self._control("POST", "script", list(steps))

    def counts(self) -> dict[str, int]:
        """What it was asked: requests, answered, streams, input_tokens, output_tokens, most_in_flight."""
        counts: dict[str, int] = self._control("GET", "counts")
        return counts

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far: `headers` and `body`."""
        requests: list[dict[str, Any]] = self._control("GET", "requests")
        return requests

    def reset(self) -> None:
        """Forget script and counts."""
        self._control("POST", "reset", [])

    def go_down(self) -> None:
        """End the process: nobody answers at its address any more, and its counts are gone."""
        self.__exit__(None, None, None)

    def come_back(self) -> None:
        """Start it again at the same address."""
        self.__enter__()

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.fake_upstream.server", *self._arguments]
        command += ["--port", str(self.port)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.communicate(timeout=60)

    def _control(self, method: str, what: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/control/{what}", data=data, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
