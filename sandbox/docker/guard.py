"""Whether an engine will do, and what is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.docker.config import INSTANCE
from sandbox.docker.engine import Engine
from sandbox.errors import SandboxUnavailableError

OLDEST = (20, 10)
KNOWN_RUNTIMES = ("runc", "crun", "io.containerd.runc.v2")
"""A default runtime that is none of these may promise less than is taken for granted here."""

LIVE_PER_CORE = 16
"""Containers of ours on the engine; more are a leak or somebody else's search, and new ones would only wait."""


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What an engine says of itself."""

    version: str
    runc: str
    runtimes: tuple[str, ...]
    default_runtime: str
    storage: str
    cgroup: str
    seccomp: bool
    data_root: str
    cores: int

    def runtime(self, chosen: str | None) -> str:
        """Name of the runtime that containers get, with its version where the engine tells it."""
        name = chosen or self.default_runtime
        return f"{name} {self.runc}".strip() if "runc" in name else name


def facts(engine: Engine) -> EngineFacts:
    info = engine.info()
    options = [str(option) for option in info.get("SecurityOptions") or ()]
    return EngineFacts(
        version=str(info.get("ServerVersion", "")),
        runc=_component(engine.version(), "runc"),
        runtimes=tuple(sorted(info.get("Runtimes") or {})),
        default_runtime=str(info.get("DefaultRuntime", "")),
        storage=str(info.get("Driver", "")),
        cgroup=str(info.get("CgroupVersion", "") or "unknown"),
        seccomp=any("seccomp" in option for option in options),
        data_root=str(info.get("DockerRootDir", "")),
        cores=int(info.get("NCPU") or 1),
    )


def check(found: EngineFacts, runtime: str | None) -> None:
    """Raise `SandboxUnavailableError` if nothing must be run on this engine, or not with this runtime."""
    numbers = tuple(int(part) for part in found.version.split("+")[0].split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        raise SandboxUnavailableError(
            f"the engine is {found.version or 'of unknown age'}; 20.10 or newer is needed"
        )
    if not found.seccomp:
        raise SandboxUnavailableError("the engine does not filter system calls (no seccomp)")
    if runtime is not None and runtime not in found.runtimes:
        raise SandboxUnavailableError(
            f"the engine has no runtime {runtime!r}, only {', '.join(found.runtimes)}; add it to the engine's "
            "daemon.json, or leave sandbox.runtime unset"
        )
    if runtime is None and found.default_runtime not in KNOWN_RUNTIMES:
        raise SandboxUnavailableError(
            f"the engine's default runtime is {found.default_runtime!r}, which is none of "
            f"{', '.join(KNOWN_RUNTIMES)}; name the one that you want in sandbox.runtime"
        )


def check_load(engine: Engine, found: EngineFacts) -> None:
    """Refuse an engine that is full of our containers already."""
    most = LIVE_PER_CORE * found.cores
    live = len(engine.containers({INSTANCE: ""}))
    if live > most:
        raise SandboxUnavailableError(
            f"{live} containers of dgm run on this engine, at most {most} are sensible: wait for the other searches, "
            "or look for what they left with `docker ps --filter label=dgm.instance`"
        )


def warnings(found: EngineFacts) -> tuple[str, ...]:
    """What is no reason to refuse, but somebody should know."""
    if found.runc and not _fixed(found.runc):
        return (
            f"runc {found.runc} is older than the fixes of November 2025 (CVE-2025-31133, -52565, -52881; fixed in "
            "1.2.8, 1.3.3 and 1.4.0): update it, unless your distribution has carried them back",
        )
    return ()


def _fixed(runc: str) -> bool:
    numbers = re.match(r"v?(\d+)\.(\d+)\.(\d+)(?:-rc\.?(\d+))?", runc)
    if numbers is None:
        return False
    major, minor, patch = (int(numbers[n]) for n in (1, 2, 3))
    if (major, minor) == (1, 2):
        return patch >= 8
    if (major, minor) == (1, 3):
        return patch >= 3
    if (major, minor, patch) == (1, 4, 0) and numbers[4]:
        return int(numbers[4]) >= 3
    return (major, minor) >= (1, 4)


def _component(version: Mapping[str, Any], name: str) -> str:
    for one in version.get("Components") or ():
        if one.get("Name") == name:
            return str(one.get("Version", ""))
    return ""
