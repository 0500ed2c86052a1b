"""What a bubblewrap box sees: the command line that mounts it, and the program that understands it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import BoxSpec
from sandbox.errors import SandboxUnavailableError
from sandbox.local.runtime import Runtime

BOX = "/box"
GATEWAY = "/door/gateway.sock"
PORT = 8080
TOOLS = "/opt/tools"
_PATH = "/opt/dgm/bin:/usr/local/bin:/usr/bin:/bin"
_TMP_BYTES = 64 << 20
_SHM_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Tool:
    """The `bwrap` of this machine."""

    path: str
    version: str
    can_disable_userns: bool
    prefix: tuple[str, ...]
    """What to start it through, so that no dump of a box reaches the host: a program named in core_pattern, run by
    root, is handed one unless the limit is 1 byte. The filter keeps it there."""

    @classmethod
    def find(cls) -> Tool:
        path = shutil.which("bwrap")
        if path is None:
            raise SandboxUnavailableError("bubblewrap is not installed (no `bwrap` on the path)")
        version = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=False
        ).stdout.strip()
        usage = subprocess.run([path, "--help"], capture_output=True, text=True, check=False).stdout
        return cls(
            path=path,
            version=version,
            can_disable_userns="--disable-userns" in usage,
            prefix=_without_core(),
        )


def _without_core() -> tuple[str, ...]:
    path = shutil.which("prlimit")
    given = () if path is None else (path, "--core=1:1")
    works = given and subprocess.run([*given, "true"], capture_output=True, check=False).returncode == 0
    return given if works else ()


class View:
    """The mounts that every box has, and those of one command."""

    def __init__(self, tool: Tool, made: Runtime) -> None:
        self._runtime = made
        self._base = _base_arguments(tool, made)

    def arguments(
        self, spec: BoxSpec, areas: Sequence[str], env: Mapping[str, str], seccomp: int
    ) -> list[str]:
        """The command line up to our interpreter and init; `seccomp` is a descriptor that holds the filter."""
        given = [*self._base, "--seccomp", str(seccomp)]
        for area in areas:
            size = spec.limits.disk_bytes if area == "workspace" else max(1 << 20, 2 * _bytes(spec, area))
            given += ["--size", str(size), "--tmpfs", f"{BOX}/{area}"]
        if spec.door is not None:
            given += ["--ro-bind", str(spec.door.resolve()), "/door"]
        if spec.kind == "grade":
            given += ["--ro-bind", str(self._runtime.tools), TOOLS]
        given += ["--remount-ro", "/", "--chdir", "/"]
        for name, value in {"PATH": _PATH, "HOME": "/tmp", "LANG": "C.UTF-8", **env}.items():
            given += ["--setenv", name, value]
        boot = ["-I", "-S", "/opt/dgm/boot/init.pyc"]
        return [*given, "--", self._runtime.interpreter, *boot]


def _base_arguments(tool: Tool, made: Runtime) -> list[str]:
    """What every box sees: programs, our runtime, a minimal /etc, /proc and /dev, two scratch places."""
    given = [*tool.prefix, tool.path, "--unshare-all", "--unshare-user"]
    if tool.can_disable_userns:
        given.append("--disable-userns")
    given += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--cap-drop", "ALL"]
    given += ["--uid", "1000", "--gid", "1000", "--hostname", "box"]
    given += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/") / name
        if path.is_symlink():
            given += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            given += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives"):
        given += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in sorted((made.directory / "etc").iterdir()):
        given += ["--ro-bind", str(path), f"/etc/{path.name}"]
    if not made.prefix.is_relative_to("/usr") or made.base != made.prefix:
        for part in ("bin", "lib"):
            given += ["--ro-bind", str(made.base / part), str(made.prefix / part)]
    for path in _covered(made):
        given += ["--tmpfs", str(path), "--remount-ro", str(path)]
    given += [
        "--ro-bind",
        str(made.venv),
        "/opt/dgm",
        "--ro-bind",
        str(made.boot),
        "/opt/dgm/boot",
    ]
    # Settings of its own namespaces would be open to the box: it has the uid that owns them.
    given += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    given += ["--dev", "/dev", "--remount-ro", "/dev"]
    given += ["--size", str(_SHM_BYTES), "--tmpfs", "/dev/shm", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]
    return given


def _covered(made: Runtime) -> list[Path]:
    """What lies below a directory that boxes see, but is none of their business: installed packages, and ourselves.

    Our own package holds the hidden tests of the tasks that come with it.
    """
    system = [Path(root) for root in ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64")]
    bound = [(library, library) for library in system] + [(made.base / "lib", made.prefix / "lib")]
    packages = {
        seen / path.relative_to(library)
        for library, seen in bound
        for path in library.glob("python3*/*-packages")
        if path.is_dir() and not path.is_symlink() and not library.is_symlink()
    }
    ours = Path(__file__).resolve().parents[2]
    if ours.is_relative_to("/usr") and not any(ours.is_relative_to(path) for path in packages):
        packages.add(ours)
    return sorted(packages)


def _bytes(spec: BoxSpec, area: str) -> int:
    files = spec.areas.get(area, spec.private.get(area, {}))
    return sum(len(content) + 8192 for content in files.values())  # tmpfs stores whole pages
