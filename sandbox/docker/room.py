"""Whether there is room for another container: free places among all processes here, disk and memory to spare."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import MIB
from sandbox.errors import SandboxUnavailableError
from sandbox.place import Place, Slot

PATIENCE = 900.0  # seconds that a box waits for room
_TICK = 0.5  # seconds between two looks at disk and memory


@dataclass(frozen=True, kw_only=True)
class Floors:
    """What must be left on this machine when a container starts."""

    disk_bytes: int = 1024 * MIB
    memory_bytes: int = 512 * MIB


class Room:
    """`data_root` is the engine's directory for its data, None when it is not on this machine."""

    def __init__(
        self,
        place: Place,
        *,
        running: int | None = None,
        floors: Floors | None = None,
        data_root: Path | None = None,
        patience: float = PATIENCE,
    ) -> None:
        cores = os.cpu_count() or 1
        self._most = running or 2 * cores
        self._running = place.slots("running", self._most)
        self._starting = place.slots("starting", max(2, cores))
        self._floors = floors or Floors()
        self._data_root = data_root
        self._patience = patience

    def enter(self) -> Slot:
        """A place for one container, to be released when it is gone."""
        deadline = time.monotonic() + self._patience
        slot = self._running.take(self._patience)
        if slot is None:
            raise SandboxUnavailableError(
                f"no place for another container within {self._patience:g} s: {self._most} run at once on this machine "
                "already; wait for other searches, or lower workers.slots"
            )
        try:
            while lacking := self._lacking():
                if time.monotonic() >= deadline:
                    raise SandboxUnavailableError(f"{lacking}, for {self._patience:g} s")
                time.sleep(min(_TICK, max(0.0, deadline - time.monotonic())))
        except BaseException:
            slot.release()
            raise
        return slot

    def start(self) -> Slot:
        """The right to have the engine create and start one; more than a few at once only make it slower."""
        slot = self._starting.take(self._patience)
        if slot is None:
            raise SandboxUnavailableError(
                f"the engine was busy starting other containers for {self._patience:g} s; see whether it answers"
            )
        return slot

    def _lacking(self) -> str | None:
        floors = self._floors
        if self._data_root is not None:
            free = shutil.disk_usage(self._data_root).free
            if free < floors.disk_bytes:
                return (
                    f"{floors.disk_bytes // MIB} MiB must be free in {self._data_root} before a container starts, "
                    f"{free // MIB} are: make room there"
                )
        available = available_memory()
        if available is not None and available < floors.memory_bytes:
            return (
                f"{floors.memory_bytes // MIB} MiB of memory must be available before a container starts, "
                f"{available // MIB} are: end other programs or lower workers.slots"
            )
        return None


def available_memory() -> int | None:
    """Bytes that new programs could use on this machine; None where the kernel does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None
