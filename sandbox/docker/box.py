"""One container from its first file to its removal."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.base import MEET, BoxSpec, ExecResult, Files, Limits
from sandbox.docker import config, failures, pair
from sandbox.docker.config import BOX, PORT, RELAY_UID, TOOLS, TRUSTED_UID
from sandbox.docker.engine import Engine, EngineError, Exec, State
from sandbox.docker.removals import Removals
from sandbox.errors import BoxEndedError, InvalidSpecError, SubmissionRejectedError
from sandbox.local.watch import Capture
from sandbox.transfer import Caps, Parcel, below, pack, read_tar, repack

# Becomes the command: nothing of the image's environment, and the first to go when memory runs out.
_ENTER = 'echo 1000 > /proc/self/oom_score_adj; exec "$@"'
_PATHS = {False: "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin", True: "/usr/local/bin:/usr/bin:/bin"}
_FREEZE_PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds after each look at a container that could not be paused
_POLL = 0.25  # seconds between looks at a command that neither prints nor ends its streams


class DockerBox:
    def __init__(
        self,
        spec: BoxSpec,
        engine: Engine,
        container: str,
        *,
        worker: int,
        opened: float,
        queued_s: float,
        removals: Removals,
        closed: Callable[[DockerBox], None],
    ) -> None:
        self._spec = spec
        self._engine = engine
        self._container = container
        self._worker = worker
        self._opened = opened
        self._queued_s = queued_s
        self._removals = removals
        self._closed = closed
        self._grader = config.is_grader(spec)
        self._ended: str | None = None
        self._paused = False
        self._untrusted_ran = False
        self._memory_kills = 0
        self._ran_out = False

    @property
    def container(self) -> str:
        return self._container

    @property
    def worker(self) -> int:
        """The uid under which untrusted commands run here, and in no other box at the same time."""
        return self._worker

    @property
    def base_url(self) -> str | None:
        return None if self._spec.door is None else f"http://127.0.0.1:{PORT}/v1"

    @property
    def tools(self) -> str:
        return TOOLS

    @property
    def queued_s(self) -> float:
        return self._queued_s

    def path(self, area: str) -> str:
        if area != "workspace" and area not in self._spec.areas and area not in self._spec.private:
            raise InvalidSpecError(f"this box has no area {area!r}")
        return f"{BOX}/{area}"

    def fill(self) -> None:
        """Bring the areas in. Owners and modes come from the archive: readable areas belong to root."""
        spec = self._spec
        parcels = [Parcel(path="workspace", files=spec.workspace, uid=self._worker)]
        for area, files in spec.areas.items():
            parcels.append(Parcel(path=area, files=files, uid=0, file_mode=0o444, directory_mode=0o555))
        for area, files in spec.private.items():
            parcels.append(
                Parcel(path=area, files=files, uid=TRUSTED_UID, file_mode=0o400, directory_mode=0o500)
            )
        self._engine.put(self._container, BOX, pack(parcels))

    def exec(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        area: str = "workspace",
        seconds: float | None = None,
    ) -> ExecResult:
        limits = self._ready(seconds)
        began = time.monotonic()
        command = self._command(argv, env or {}, first_to_go=True)
        directory = self.path(area)
        return self._run(
            lambda: self._engine.exec(self._container, command, user=self._worker, directory=directory),
            limits,
            began,
        )

    def exec_pair(
        self,
        trusted: Sequence[str],
        untrusted: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> ExecResult:
        if not self._grader:
            raise InvalidSpecError("a pair needs a box of kind 'grade' or one with a private area")
        limits = self._ready(seconds)
        began = time.monotonic()
        try:
            self._end_workers()
        except EngineError as error:
            return self._not_started(error)
        name = secrets.token_hex(16)
        launcher = [*pair.IN_PLACE[:-1], "/opt/dgm/pair.py"]
        ours = [*launcher, "trusted", name, str(self._worker), *_apart(trusted)]
        theirs = [*launcher, "untrusted", name, str(TRUSTED_UID), *_apart(untrusted)]
        command = self._command(ours, env or {}, first_to_go=False)
        other = self._command(theirs, env or {}, first_to_go=True)

        def both() -> Exec:
            # The engine answers before the first has started, so that both start side by side.
            running = self._engine.exec(self._container, command, user=TRUSTED_UID, directory=BOX)
            try:
                workspace = self.path("workspace")
                self._engine.exec_detached(self._container, other, user=self._worker, directory=workspace)
            except BaseException:
                running.close()
                raise
            return running

        return self._run(both, limits, began)

    def get(self) -> Files:
        self._check_open()
        if not self._paused:
            self._freeze()
        caps = Caps.of(self._spec.limits)
        most = config.volume_bytes(self._spec) + (caps.entries + 64) * 8192
        try:
            # Its parent belongs to root, so nothing in the box can put another directory or a link in its place.
            with self._engine.get(self._container, self.path("workspace")) as chunks:
                return repack(below(read_tar(chunks, max_bytes=most), "workspace"), caps)
        except EngineError as error:
            self._check_alive(error)
            raise

    def take(self) -> Files:
        files = self.get()
        # It is frozen and stays so: nothing in it runs again while it is being removed.
        self._ended = "closed"
        self._removals.begin(self._container, lambda: self._closed(self))
        return files

    def close(self) -> None:
        """Never fails: what was learnt from the box stands, and the reaper removes what cannot be removed now."""
        if self._ended != "closed":
            self._ended = "closed"
            self._removals.now(self._container, lambda: self._closed(self))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- one command

    def _command(self, argv: Sequence[str], env: Mapping[str, str], *, first_to_go: bool) -> list[str]:
        if not argv:
            raise InvalidSpecError("a command needs at least one word")
        words = {"PATH": _PATHS[self._grader], "HOME": "/tmp", "LANG": "C.UTF-8", **env}
        clean = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in words.items())]
        return [*clean, "/bin/sh", "-c", _ENTER, "sh", *argv] if first_to_go else [*clean, *argv]

    def _run(self, start: Callable[[], Exec], limits: Limits, began: float) -> ExecResult:
        deadline = began + limits.seconds
        stdout, stderr = Capture(limits.output_bytes), Capture(limits.output_bytes)
        try:
            running = start()
        except EngineError as error:
            return self._not_started(error)
        self._untrusted_ran = True
        with contextlib.closing(running):
            timed_out, exit_code = _watch(running, stdout, stderr, deadline)
        # The stream is closed by now: the engine takes seconds to kill while somebody leaves one unread.
        container: State | None = None
        memory_kills = 0
        if timed_out:
            self._ended = "killed at its deadline"
            self._engine.kill(self._container)
        elif exit_code is None or exit_code == failures.KILLED:
            memory_kills = self._new_memory_kills()
            container = self._state()
        result = failures.outcome(
            failures.Facts(
                stdout=bytes(stdout.data),
                stderr=bytes(stderr.data),
                truncated=stdout.truncated or stderr.truncated,
                seconds=time.monotonic() - began,
                timed_out=timed_out,
                exit_code=exit_code,
                memory_kills=memory_kills,
                container=container,
                past_own_deadline=time.monotonic() - self._opened >= config.lifetime(self._spec),
            )
        )
        self._ran_out = result.out_of_memory
        if container is not None and not container.running:
            self._ended = "ended by a limit"
        return result

    def _not_started(self, error: EngineError) -> ExecResult:
        state = self._state()
        kills = 0 if state.running or not self._untrusted_ran else self._new_memory_kills()
        return failures.not_started(error, state, untrusted_ran=self._untrusted_ran, memory_kills=kills)

    def _freeze(self) -> None:
        """Pause the container. What a command left running may forbid it, or end the container: that is the command's.

        A container that has stopped has lost its workspace: never is an empty one read for it.
        """
        for pause in _FREEZE_PAUSES:
            try:
                self._engine.pause(self._container)
            except EngineError as error:
                self._check_alive(error)
                if not self._untrusted_ran:
                    raise
                with contextlib.suppress(EngineError):
                    self._end_workers()
                time.sleep(pause)
            else:
                self._paused = True
                return
        raise SubmissionRejectedError("", "what the command left running could not be stopped")

    def _check_alive(self, error: EngineError) -> None:
        """Raise what it means that the container could not be used, if that is because it has stopped."""
        if self._state().running:
            return
        # Its end may be seen a moment later than the kill that brought it about, which is counted already then.
        if self._untrusted_ran and (self._ran_out or self._new_memory_kills()):
            self._ended = "ended by a limit"
            why = "memory ran out, and the workspace went with it"
            raise SubmissionRejectedError("", why) from error
        self._ended = "ended before its workspace was read"
        raise error

    def _end_workers(self) -> None:
        """What an earlier command left running must not meet the next pair."""
        if self._untrusted_ran:
            kill = self._engine.exec(
                self._container, ["/bin/sh", "-c", "kill -9 -1"], user=self._worker, directory="/"
            )
            with contextlib.closing(kill):
                _watch(kill, Capture(0), Capture(0), time.monotonic() + 5)

    def _new_memory_kills(self) -> int:
        """The engine tells of a kill a moment after it happened, a busy machine later than an idle one."""
        for pause in (0.0, 0.05, 0.1, 0.2, 0.4, 0.75):
            time.sleep(pause)
            total = self._engine.out_of_memory_events(self._container, self._opened_at)
            if total > self._memory_kills:
                new, self._memory_kills = total - self._memory_kills, total
                return new
        return 0

    @property
    def _opened_at(self) -> float:
        """When the container was created, on the wall clock that the engine writes its events by."""
        return time.time() - (time.monotonic() - self._opened) - 1.0

    # ---- what may still be done

    def _ready(self, seconds: float | None) -> Limits:
        self._check_open()
        if self._paused:
            self._engine.unpause(self._container)
            self._paused = False
        return self._spec.limits if seconds is None else self._spec.limits.within(seconds)

    def _check_open(self) -> None:
        if self._ended:
            raise BoxEndedError(f"box {self._spec.name} was {self._ended}")

    def _state(self) -> State:
        try:
            return self._engine.state(self._container)
        except EngineError as error:
            if error.status == 404:
                return State(running=False, exit_code=0, out_of_memory=False, error="it is gone")
            raise


def _apart(command: Sequence[str]) -> list[str]:
    """What of a command may run before the halves of its pair have met, and the rest of it."""
    words = len(pair.IN_PLACE)
    if list(command[:words]) != pair.IN_PLACE or not any(MEET in text for text in command[words : words + 1]):
        return ["", *command]
    ahead, _, rest = command[words].partition(MEET)
    return [ahead, *command[:words], rest, *command[words + 1 :]]


def _watch(running: Exec, stdout: Capture, stderr: Capture, deadline: float) -> tuple[bool, int | None]:
    """Drain until the command has ended; whether the clock was first, and the exit code.

    The end of the stream is not the end of the command, and a child can hold the stream open: the engine is
    asked.
    """

    def take(stream: int, data: bytes) -> None:
        (stderr if stream == 2 else stdout).add(data)

    looked = time.monotonic()
    while running.read(min(_POLL, deadline - time.monotonic()), take):
        now = time.monotonic()
        if now >= deadline:
            return True, None
        if now - looked >= _POLL:
            looked = now
            alive, code = running.status()
            if not alive:
                while running.read(0.02, take) and time.monotonic() < min(deadline, now + 1.0):
                    pass
                return False, code
    pause = 0.002
    while True:
        alive, code = running.status()
        if not alive:
            return False, code
        if time.monotonic() >= deadline:
            return True, None
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(2 * pause, 0.1)


def open_door(door: Path) -> None:
    """Let the relay reach the gateway's socket: it alone where we may give it away, else everyone with the
    name.
    """
    door.chmod(stat.S_IMODE(door.stat().st_mode) | 0o011)
    gateway = door / "gateway.sock"
    with contextlib.suppress(FileNotFoundError):  # a gateway that is away may come back
        if os.geteuid() == 0:
            os.chown(gateway, RELAY_UID, RELAY_UID)
            gateway.chmod(0o660)
        else:
            gateway.chmod(0o666)
