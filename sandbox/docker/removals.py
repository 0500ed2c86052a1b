"""Removes containers in which nothing runs any more while their owner goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from sandbox.errors import SandboxUnavailableError

log = logging.getLogger(__name__)

AT_ONCE = 2  # more saturate the engine and only make each other wait


class Removals:
    """`remove` takes a container's id. What it cannot remove is left to `again`, which the reaper calls."""

    def __init__(self, remove: Callable[[str], None]) -> None:
        self._remove = remove
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sandbox-removal")
        self._lock = threading.Lock()
        self._under_way: set[Future[None]] = set()
        self._failed: set[str] = set()

    def begin(self, container: str, done: Callable[[], None]) -> None:
        """Remove it soon; `done` is called when that has been tried."""
        try:
            future = self._threads.submit(self._try, container, done)
        except RuntimeError:  # closed while a job was still at work: nobody waits for it any more
            self._try(container, done)
            return
        with self._lock:
            self._under_way.add(future)
        future.add_done_callback(self._over)

    def now(self, container: str, done: Callable[[], None]) -> None:
        """Remove it before this returns, or leave it to `again`; `done` is called in either case."""
        self._try(container, done)

    def settle(self) -> None:
        """Wait until everything that was begun has been tried."""
        with self._lock:
            under_way = set(self._under_way)
        wait(under_way)

    def again(self) -> None:
        with self._lock:
            failed = set(self._failed)
        for container in failed:
            self._try(container, lambda: None)

    def close(self) -> None:
        self._threads.shutdown()

    def _try(self, container: str, done: Callable[[], None]) -> None:
        try:
            self._remove(container)
        except SandboxUnavailableError as error:
            log.warning("container %s is still there: %s", container[:12], error)
            with self._lock:
                self._failed.add(container)
        else:
            with self._lock:
                self._failed.discard(container)
        finally:
            done()

    def _over(self, future: Future[None]) -> None:
        with self._lock:
            self._under_way.discard(future)
