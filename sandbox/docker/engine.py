"""The one file that talks to the Docker engine, through the low-level client of the `docker` package.

Everything that can go wrong here is the engine's fault and becomes an `EngineError`; what it means for the
command that ran is decided in `failures.py`.
"""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import docker  # type: ignore[import-untyped]
import docker.errors  # type: ignore[import-untyped]
import requests

from sandbox.docker.socket_adapter import SocketAdapter
from sandbox.errors import SandboxUnavailableError

TIMEOUT = 60.0  # seconds for one answer of the engine
ANSWER_TIMEOUT = 5.0
BUILD_TIMEOUT = 1800.0
_CHUNK = 1 << 16


class EngineError(SandboxUnavailableError):
    """The engine did not do what it was asked to. `status` is its HTTP status, 0 when it did not answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, int]]:
        return type(self), (str(self), self.status)


@dataclass(frozen=True, kw_only=True)
class State:
    """What the engine says of a container."""

    running: bool
    exit_code: int
    out_of_memory: bool
    error: str


class Engine:
    """A connection to one engine. Thread-safe."""

    def __init__(self, url: str | None = None) -> None:
        address = url or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        self.local = address.startswith("unix://")
        """Whether the engine is on this machine, as far as its address tells."""
        self._address = address
        self._knock()
        with _translated("connecting"):
            if url is None:
                self._client: Any = docker.DockerClient.from_env(timeout=TIMEOUT, max_pool_size=32).api
            else:
                self._client = docker.APIClient(
                    base_url=url, timeout=TIMEOUT, max_pool_size=32, version="auto"
                )
        if self.local:
            self._client.close()
            self._client.mount(self._client.base_url, SocketAdapter(_path(address)))

    def close(self) -> None:
        self._client.close()

    def answers(self) -> bool:
        """Whether it is there and answers soon."""
        try:
            with _translated("asking whether it is there"):
                self._client._raise_for_status(
                    self._client.get(self._client._url("/_ping"), timeout=ANSWER_TIMEOUT)
                )
        except EngineError:
            return False
        return True

    def info(self) -> Mapping[str, Any]:
        with _translated("asking for its state"):
            found: Mapping[str, Any] = self._client.info()
            return found

    def version(self) -> Mapping[str, Any]:
        with _translated("asking for its version"):
            found: Mapping[str, Any] = self._client.version()
            return found

    def _knock(self) -> None:
        """Say at once, and in plain words, that nobody is at home."""
        if not self.local:
            return
        with socket.socket(socket.AF_UNIX) as end:
            try:
                end.connect(_path(self._address))
            except OSError as error:
                said = f"no Docker engine answers at {self._address}: {error.strerror or error}"
                raise EngineError(said) from error

    # ---- containers

    def create(self, config: Mapping[str, object], name: str) -> str:
        self._knock()
        with _translated("creating a container"):
            return str(self._client.create_container_from_config(dict(config), name)["Id"])

    def start(self, container: str) -> None:
        with _translated("starting a container"):
            self._client.start(container)

    def kill(self, container: str) -> None:
        with _translated("killing a container"), _gone_is_fine():
            self._client.kill(container)

    def pause(self, container: str) -> None:
        with _translated("pausing a container"):
            self._client.pause(container)

    def unpause(self, container: str) -> None:
        with _translated("resuming a container"):
            self._client.unpause(container)

    def remove(self, container: str) -> None:
        """Kill it if it runs, remove it with its anonymous volumes."""
        with _translated("removing a container"), _gone_is_fine():
            self._client.remove_container(container, v=True, force=True)

    def remove_volume(self, volume: str) -> None:
        with _translated("removing a volume"), _gone_is_fine():
            self._client.remove_volume(volume, force=True)

    def state(self, container: str) -> State:
        with _translated("looking at a container"):
            found = self._client.inspect_container(container)["State"]
        return State(
            running=bool(found["Running"]),
            exit_code=int(found["ExitCode"]),
            out_of_memory=bool(found.get("OOMKilled")),
            error=str(found.get("Error", "")),
        )

    def inspect(self, container: str) -> Mapping[str, Any]:
        with _translated("looking at a container"):
            found: Mapping[str, Any] = self._client.inspect_container(container)
            return found

    def out_of_memory_events(self, container: str, since: float) -> int:
        """How often the memory limit of this container killed something since that time (unix seconds)."""
        wanted = {"type": "container", "event": "oom", "container": container}
        with _translated("reading events"):
            events = self._client.events(
                since=f"{since:.6f}", until=f"{time.time():.6f}", filters=wanted, decode=True
            )
            return sum(1 for _ in events)

    def containers(self, labels: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Id and labels of every container, running or not, that carries all of `labels`; "" is any value."""
        with _translated("listing containers"):
            found = self._client.containers(all=True, filters={"label": _label_filter(labels)})
        return [(str(one["Id"]), dict(one.get("Labels") or {})) for one in found]

    def volumes(self, labels: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
        """Name and labels of every volume that carries all of `labels`."""
        with _translated("listing volumes"):
            found = self._client.volumes(filters={"label": _label_filter(labels)})
        return [(str(one["Name"]), dict(one.get("Labels") or {})) for one in found.get("Volumes") or ()]

    # ---- files

    def put(self, container: str, path: str, archive: bytes) -> None:
        with _translated("copying files in"):
            self._client.put_archive(container, path, archive)

    @contextlib.contextmanager
    def get(self, container: str, path: str) -> Iterator[Iterator[bytes]]:
        """The archive of `path` in chunks; leaving early closes the stream, which the engine wants before a
        kill.
        """
        with _translated("copying files out"):
            url = self._client._url("/containers/{0}/archive", container)
            response = self._client.get(url, params={"path": path}, stream=True, timeout=TIMEOUT)
            try:
                self._client._raise_for_status(response)
                yield response.iter_content(_CHUNK)
            finally:
                response.close()

    # ---- commands

    def exec(self, container: str, argv: list[str], *, user: int, directory: str) -> Exec:
        """Start a command. The engine answers before it has: what fails then is the command's exit status."""
        with _translated("starting a command"):
            made = self._made(container, argv, user, directory, output=True)
            url = self._client._url("/exec/{0}/start", made)
            order = {"Detach": False, "Tty": False}
            response = self._client.post(url, json=order, stream=True, timeout=TIMEOUT)
            try:
                self._client._raise_for_status(response)
            except BaseException:
                response.close()
                raise
            return Exec(self._client, made, response)

    def exec_detached(self, container: str, argv: list[str], *, user: int, directory: str) -> None:
        """Start a command whose output and end nobody asks for. It has started when this returns."""
        with _translated("starting a command"):
            self._client.exec_start(self._made(container, argv, user, directory, output=False), detach=True)

    def _made(self, container: str, argv: list[str], user: int, directory: str, *, output: bool) -> str:
        who = f"{user}:{user}"
        made = self._client.exec_create(
            container, argv, stdout=output, stderr=output, user=who, workdir=directory
        )
        return str(made["Id"])

    # ---- images

    def image(self, name: str) -> tuple[str, Mapping[str, str]] | None:
        """Id and labels of an image; None when the engine does not have it."""
        with _translated("looking for an image"):
            try:
                found = self._client.inspect_image(name)
            except docker.errors.ImageNotFound:
                return None
            return str(found["Id"]), dict((found.get("Config") or {}).get("Labels") or {})

    def pull(self, name: str) -> None:
        head, colon, tag = name.rpartition(":")
        repository, tag = (head, tag) if colon and "/" not in tag else (name, "latest")
        with _translated("pulling an image"):
            self._client.pull(repository, tag=tag)

    def build(
        self,
        context: bytes,
        *,
        target: str,
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        told: Callable[[str], None],
    ) -> None:
        """Build from a tar of the whole context, without a network. `told` gets the engine's lines."""
        with _translated("building an image"):
            lines = self._client.build(
                fileobj=io.BytesIO(context), custom_context=True, target=target, tag=tag, buildargs=dict(arguments),
                labels=dict(labels), network_mode="none", rm=True, forcerm=True, decode=True, timeout=BUILD_TIMEOUT,
            )  # fmt: skip
            for line in lines:
                if "error" in line:
                    raise EngineError(f"building {tag} failed: {line['error'].strip()}")
                if text := str(line.get("stream", "")).rstrip():
                    told(text)

    def run(self, image: str, argv: list[str]) -> bytes:
        """Standard output of one trusted command in a throw-away container of an image, without a network."""
        config = {"Image": image, "Cmd": argv, "Entrypoint": [], "HostConfig": {"NetworkMode": "none"}}
        with _translated("running a command in an image"):
            container = self._client.create_container_from_config(config)["Id"]
            try:
                self._client.start(container)
                code = self._client.wait(container)["StatusCode"]
                output: bytes = self._client.logs(container, stdout=True, stderr=code != 0)
            finally:
                self._client.remove_container(container, v=True, force=True)
        if code != 0:
            raise EngineError(
                f"{argv[0]} in {image} ended with {code}: {output[-300:].decode('utf-8', 'replace')}"
            )
        return output


class Exec:
    """A command that runs inside a container, with its two output streams."""

    def __init__(self, client: Any, identity: str, response: Any) -> None:
        self._client = client
        self._id = identity
        self._response = response
        # The stream begins in the buffer that the headers were read through: what lies there would be lost to
        # whoever reads the bare socket, as the client's own helper does.
        buffered = response.raw._fp.fp
        self._socket: socket.socket = buffered.raw._sock
        self._socket.settimeout(0.0)
        self._pending = bytearray()
        self._ended = False
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            self._pending += buffered.read(len(buffered.peek(1)))

    def read(self, timeout: float, take: Callable[[int, bytes], None]) -> bool:
        """Hand on output that is there or comes in time: stream 1 or 2, and bytes. False at the end."""
        if self._hand_on(take) or self._ended:
            return not self._ended
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.select(max(0.0, timeout))
        try:
            chunk = self._socket.recv(_CHUNK)
            self._pending += chunk
            self._ended = not chunk
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            self._ended = True  # why it broke, `status` will tell
        self._hand_on(take)
        return not self._ended

    def _hand_on(self, take: Callable[[int, bytes], None]) -> bool:
        """Cut whole frames (stream, three zeros, length, bytes) off what has come so far."""
        position = 0
        while position + 8 <= len(self._pending):
            end = position + 8 + int.from_bytes(self._pending[position + 4 : position + 8], "big")
            if end > len(self._pending):
                break
            take(self._pending[position], bytes(self._pending[position + 8 : end]))
            position = end
        del self._pending[:position]
        return position > 0

    def status(self) -> tuple[bool, int | None]:
        """Whether it still runs, and the exit code once it does not; None if it went with its container."""
        with _translated("looking at a command"):
            try:
                found = self._client.exec_inspect(self._id)
            except docker.errors.NotFound:
                return False, None
        return bool(found["Running"]), found["ExitCode"]

    def close(self) -> None:
        self._response.close()
        with contextlib.suppress(OSError):
            self._socket.close()


def _path(address: str) -> str:
    return "/" + address.removeprefix("unix://").lstrip("/")


def _label_filter(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" if value else key for key, value in labels.items()]


@contextlib.contextmanager
def _gone_is_fine() -> Iterator[None]:
    """Removing what is already gone, or being removed at this moment, is done."""
    try:
        yield
    except docker.errors.APIError as error:
        if error.status_code not in (404, 409):
            raise


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        raise EngineError(f"engine, {doing}: {error.explanation or error}", error.status_code or 0) from error
    except (BlockingIOError, ssl.SSLWantReadError):
        raise
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(f"engine, {doing}: {error}") from error
