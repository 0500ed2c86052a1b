"""What a container is created with. Tried on a real engine; a caller can loosen nothing of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sandbox.base import MIB, BoxSpec, Files, Limits

RELAY_UID, TRUSTED_UID = 10001, 10003
WORKER_UIDS = range(20_000, 20_512)
"""Of agents and answers, one for each running box: the kernel counts some things (pages of pipes, inotify instances,
queued signals) per user, and what one box uses up would be missing in another. The images know them all."""
BOX = "/box"
PORT = 8080
TOOLS = "/opt/tools"
RELAY_THREADS = 2 * 64 + 2  # see `relay.CONNECTIONS`: two threads each
OWN_PROCESSES = 3  # init, the main process, and one to spare for starting a command
TMP_BYTES = 64 * MIB
SHM_BYTES = 16 * MIB
GRACE = 300.0  # seconds that a container outlives what its commands may take, if nobody removes it
PAGE = 4096
# What the engine hides and makes read-only by itself, and what tells of the host or of other boxes.
MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
    "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap",
    "/proc/cmdline", "/proc/config.gz", "/proc/diskstats", "/proc/interrupts", "/proc/kallsyms",
    "/proc/key-users", "/proc/locks", "/proc/modules", "/proc/partitions", "/proc/pressure", "/proc/slabinfo",
    "/sys/class/dmi", "/sys/devices/virtual/dmi", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing",
)  # fmt: skip
PLACE, INSTANCE = "dgm.place", "dgm.instance"  # who may look after it, and who made it: see `sandbox.place`
NAME, KIND, DEADLINE = "dgm.name", "dgm.kind", "dgm.deadline"


def is_grader(spec: BoxSpec) -> bool:
    """Boxes that grade use the other image and other uids, and never have a door."""
    return spec.kind == "grade" or bool(spec.private)


def lifetime(spec: BoxSpec) -> float:
    """Seconds after which the main process ends by itself: room for several commands."""
    return 3 * spec.limits.seconds + GRACE


def container(
    spec: BoxSpec, *, image: str, labels: Mapping[str, str], runtime: str | None = None
) -> dict[str, object]:
    limits = spec.limits
    volume = volume_bytes(spec)
    mounts: list[dict[str, object]] = [
        {
            "Type": "volume",
            "Target": BOX,
            "VolumeOptions": {
                "NoCopy": True,
                "Labels": dict(labels),
                "DriverConfig": {"Name": "local", "Options": volume_options(volume, limits, spec)},
            },
        }
    ]
    relayed = spec.door is not None
    if spec.door is not None:
        mounts.append(
            {"Type": "bind", "Source": str(spec.door.resolve()), "Target": "/door", "ReadOnly": True}
        )
    host: dict[str, object] = {
        "AutoRemove": True,
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", f"seccomp={seccomp()}"],
        "PidsLimit": limits.processes + OWN_PROCESSES + (RELAY_THREADS if relayed else 0),
        # The pages of the workspace count against the container's memory.
        "Memory": limits.memory_bytes + volume,
        "MemorySwap": limits.memory_bytes + volume,
        "NanoCpus": int(limits.cpus * 1e9),
        "Ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            # The one limit by which the kernel hands no dump to a program of the host; the filter keeps it there.
            {"Name": "core", "Soft": 1, "Hard": 1},
            {"Name": "fsize", "Soft": limits.file_bytes, "Hard": limits.file_bytes},
        ],
        "Init": True,
        "IpcMode": "private",
        "ShmSize": SHM_BYTES,
        "MaskedPaths": list(MASKED),
        "LogConfig": {"Type": "none"},
        "Tmpfs": {"/tmp": f"rw,nosuid,nodev,size={TMP_BYTES},mode=1777"},
        "Mounts": mounts,
    }
    if runtime is not None:
        host["Runtime"] = runtime
    return {
        "Image": image,
        "Entrypoint": [],
        "Cmd": main_process(spec),
        "User": f"{RELAY_UID}:{RELAY_UID}",
        "WorkingDir": "/",
        "Hostname": "box",
        "Env": [],
        "NetworkDisabled": True,
        "Labels": dict(labels),
        "StopSignal": "SIGKILL",
        "HostConfig": host,
    }


def main_process(spec: BoxSpec) -> list[str]:
    seconds = f"{lifetime(spec):.0f}"
    if spec.door is None:
        return ["sleep", seconds]
    return ["python3", "-I", "-S", "/opt/dgm/relay.py", "/door/gateway.sock", str(PORT), seconds]


def volume_bytes(spec: BoxSpec) -> int:
    trees = [*spec.areas.values(), *spec.private.values(), spec.workspace]
    pages = sum(-(-len(content) // PAGE) + 1 for files in trees for content in files.values())
    return spec.limits.disk_bytes + pages * PAGE


def entries(files: Files) -> int:
    """How many files and directories a tree has."""
    ends = {(name, end) for name in files for end, letter in enumerate(name) if letter == "/"}
    return len(files) + len({name[:end] for name, end in ends})


def volume_options(size: int, limits: Limits, spec: BoxSpec) -> dict[str, str]:
    inodes = limits.disk_files + 64
    inodes += sum(entries(files) for files in (*spec.areas.values(), *spec.private.values(), spec.workspace))
    return {
        "type": "tmpfs",
        "device": "tmpfs",
        "o": f"size={size},nr_inodes={inodes},mode=0755,uid=0,gid=0,nosuid,nodev",
    }


@cache
def seccomp() -> str:
    return json.dumps(json.loads(Path(__file__).with_name("seccomp.json").read_text()), separators=(",", ":"))
