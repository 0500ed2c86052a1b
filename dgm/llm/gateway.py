"""The one door to the models: an HTTP server on a Unix socket of its own for each rollout.

A rollout is known by its socket, so it needs no secret, and nothing that the agent sends besides the checked
JSON body goes any further. The server runs in a thread of its own; the methods of `Gateway` are for
synchronous code in any other thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from dgm.llm.backends.base import Backend
from dgm.llm.cache import Cache
from dgm.llm.door import Door, DoorLimits
from dgm.llm.errors import GatewayConfigError, RolloutError
from dgm.llm.journal import Journal, LocalFile, OpenFile
from dgm.llm.lanes import LaneLimits, Lanes
from dgm.llm.prices import PriceTable
from dgm.llm.retries import Retries
from dgm.llm.rollout import OpenRollout, Surroundings
from dgm.llm.values import OUTPUT_TOKENS, RolloutRecord, RolloutSpec
from dgm.llm.voices import voices
from dgm.stillness import Stillness

SOCKET = "gateway.sock"

_LONGEST_PATH = 107
"""Bytes; the kernel's limit for the path of a Unix socket, its end mark not counted."""

_T = TypeVar("_T")


@dataclass
class _Opened:
    rollout: OpenRollout
    door: Door
    directory: Path


class Gateway:
    """Serves rollouts on this node. Thread-safe; use it as a context manager or call `start` and `stop`.

    `base` is the directory for the rollouts' directories (a new temporary one by default); its path must be short.
    `journals` opens the file of a journal, `cache` is a directory of answers of the gateway's own backend.
    `concurrency` bounds the calls that are upstream at once, `parallel` those of one rollout, `lanes` those of a model.
    `output_tokens` is the output limit of a call that sets none, and the highest that one may set. `asked` is told
    the id of each rollout when it makes its first call. `clock` and `sleep` are for tests.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        prices: PriceTable | None = None,
        base: Path | None = None,
        journals: OpenFile = LocalFile,
        cache: Path | None = None,
        concurrency: int = 32,
        lanes: Mapping[str, LaneLimits] | None = None,
        parallel: int = 8,
        output_tokens: int = OUTPUT_TOKENS,
        retries: Retries | None = None,
        limits: DoorLimits | None = None,
        asked: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._backend = backend
        self._prices = prices or PriceTable.packaged()
        self._base = base
        self._journals = journals
        self._cache = None if cache is None else Cache(cache)
        self._made_base = False
        self._concurrency = concurrency
        self._lanes = dict(lanes or {})
        self._parallel = parallel
        self._output_tokens = output_tokens
        self._retries = retries or Retries()
        self._limits = limits or DoorLimits()
        self._asked = asked
        self._clock = clock
        self._sleep = sleep
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._around: Surroundings | None = None
        self._lock = threading.Lock()
        self._opened: dict[str, _Opened | None] = {}
        self._backends: list[Backend] = []
        self._stillness = Stillness(self.blame)

    def start(self) -> None:
        """Start serving. Raises `GatewayConfigError` if the base directory's path is too long."""
        if self._thread is not None:
            raise RolloutError("the gateway has already been started")
        if self._base is None:
            self._base = Path(tempfile.mkdtemp(prefix="dgm-"))
            self._made_base = True
        longest = os.fsencode(self._base / _random_name() / SOCKET)
        if len(longest) > _LONGEST_PATH:
            raise GatewayConfigError(
                f"the gateway's directory is too long for Unix sockets: {self._base} leaves "
                f"{len(longest)} bytes of at most {_LONGEST_PATH}"
            )
        self._base.mkdir(parents=True, exist_ok=True)
        self._base.chmod(0o711)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()
        self._run(self._start())
        self._stillness.start()

    def open(
        self, spec: RolloutSpec, *, backend: Backend | None = None, socket_owner: int | None = None
    ) -> Path:
        """Open a rollout's door; gives the directory that holds its `gateway.sock`.

        `backend` answers this rollout instead of the gateway's own. The socket is for the user `socket_owner`
        alone (0660; only root can give it away); without one, anybody who knows the directory's random name
        may connect. Raises `UnknownPriceError`, `UnknownRoleError`, `JournalError` or `RolloutError`.
        """
        backend = backend or self._backend
        heard = voices(spec, backend, self._prices)
        with self._lock:
            if spec.id in self._opened:
                raise RolloutError(f"the rollout {spec.id} is already open")
            self._opened[spec.id] = None
        try:
            journal = None if spec.journal is None else Journal.open(spec.journal, self._journals)
            try:
                assert self._around is not None, "the gateway has not been started"
                around = self._around if backend is self._backend else replace(self._around, cache=None)
                rollout = OpenRollout(spec, backend=backend, voices=heard, journal=journal, around=around)
                opened = self._run(self._open(rollout, backend, socket_owner))
            except BaseException:
                if journal is not None:
                    journal.close()
                raise
        except BaseException:
            with self._lock:
                del self._opened[spec.id]
            raise
        with self._lock:
            self._opened[spec.id] = opened
        return opened.directory

    def close(self, rollout_id: str, *, left: bool = False) -> RolloutRecord:
        """Close a rollout's door and say what went through it. Calls on their way are cut off and charged.

        `left`: the agent had ended by itself, so that nobody waited for them any more.
        """
        with self._lock:
            opened = self._opened.get(rollout_id)
            if opened is None:
                raise RolloutError(f"the rollout {rollout_id} is not open")
            del self._opened[rollout_id]
        record = self._run(self._close(opened, left))
        shutil.rmtree(opened.directory, ignore_errors=True)
        return record

    def blame(self, why: str) -> None:
        """Make every rollout that is open now void: this gateway failed it."""
        with self._lock:
            opened = [one for one in self._opened.values() if one is not None]
        for one in opened:
            one.rollout.blame(f"the gateway failed: {why}")

    def stop(self) -> None:
        """Close what is open and stop serving. Idempotent."""
        if self._thread is None or self._loop is None:
            return
        self._stillness.stop()
        for rollout_id in list(self._opened):
            with contextlib.suppress(RolloutError):
                self.close(rollout_id)
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = self._loop = self._around = None
        if self._made_base and self._base is not None:
            shutil.rmtree(self._base, ignore_errors=True)
            self._base, self._made_base = None, False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, coroutine: Coroutine[object, object, _T]) -> _T:
        assert self._loop is not None, "the gateway has not been started"
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self) -> None:
        self._around = Surroundings(
            clock=self._clock,
            sleep=self._sleep,
            lanes=Lanes(self._lanes, concurrency=self._concurrency, clock=self._clock, sleep=self._sleep),
            parallel=self._parallel,
            retries=self._retries,
            output_tokens=self._output_tokens,
            asked=self._asked,
            cache=self._cache,
        )
        await self._use(self._backend)

    async def _use(self, backend: Backend) -> None:
        """Open a backend when it is first needed; it is closed when the gateway stops."""
        if not any(backend is known for known in self._backends):
            self._backends.append(backend)
            await backend.open()

    async def _stop(self) -> None:
        while self._backends:
            await self._backends.pop().close()
        await asyncio.get_running_loop().shutdown_default_executor()

    async def _open(self, rollout: OpenRollout, backend: Backend, owner: int | None) -> _Opened:
        assert self._base is not None
        await self._use(backend)
        directory = self._base / _random_name()
        directory.mkdir(mode=0o700)
        path = directory / SOCKET
        door = Door(rollout, self._limits)
        await door.open(path)
        path.chmod(0o666 if owner is None else 0o660)
        if owner is not None and owner != os.geteuid():
            os.chown(path, owner, -1)
        directory.chmod(0o711)
        return _Opened(rollout, door, directory)

    async def _close(self, opened: _Opened, left: bool) -> RolloutRecord:
        opened.rollout.left = left
        await opened.door.close()
        return opened.rollout.close()


def _random_name() -> str:
    return secrets.token_hex(8)
