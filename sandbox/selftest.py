"""What a level promises, tried out in a box of its own before anything else runs in it."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import MIB, BoxSpec, ExecResult, Level, Limits, Sandbox

LIMITS = Limits(seconds=30.0, memory_bytes=512 * MIB, processes=64, disk_bytes=8 * MIB, disk_files=512)
KILL_SECONDS = 10.0
"""From the deadline to the return of `exec`: a busy machine is late; where nothing is killed it is a minute."""

_EVERYWHERE = frozenset({"openai importable"})
_NAMESPACES = _EVERYWHERE | {
    "no network",
    "root read-only",
    "no privileges",
    "host files hidden",
    "host processes hidden",
    "workspace quota",
    "process limit",
    "system calls filtered",
}
PROMISED = {
    Level.PROCESS: _EVERYWHERE,
    Level.BUBBLEWRAP: _NAMESPACES,
    Level.DOCKER: _NAMESPACES,
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise: whether it holds here and what was seen."""

    name: str
    holds: bool
    seen: str


def self_test(sandbox: Sandbox) -> tuple[Check, ...]:
    """Every promise of the sandbox's level, tried. Errors of the machine come through as `SandboxError`."""
    return (*_probe(sandbox), _kill(sandbox))


def answers(checks: tuple[Check, ...]) -> str:
    """What was asked and whether it held, in one line: the same wherever the same held."""
    held = ", ".join(sorted(check.name for check in checks if check.holds))
    failed = ", ".join(sorted(check.name for check in checks if not check.holds))
    return f"held: {held or 'nothing'}" + (f"; did not hold: {failed}" if failed else "")


def _probe(sandbox: Sandbox) -> tuple[Check, ...]:
    probe = {"probe.py": Path(__file__).with_name("probe.py").read_bytes()}
    spec = BoxSpec(name="self-test", kind="self-test", areas={"probe": probe}, limits=LIMITS)
    with tempfile.NamedTemporaryFile(prefix="dgm-probe-") as marker, sandbox.open(spec) as box:
        Path(marker.name).chmod(0o644)
        script = f"{box.path('probe')}/probe.py"
        result = box.exec(["python3", script, marker.name, str(LIMITS.processes), str(LIMITS.disk_bytes)])
    promised = PROMISED[sandbox.level]
    seen = _answers(result)
    if seen is None:
        said = result.stderr[-300:].decode("utf-8", "replace")
        return (Check(name="probe", holds=False, seen=f"exit {result.exit_code}: {said}"),)
    return tuple(
        Check(name=name, holds=seen.get(name, (False, ""))[0], seen=seen.get(name, (False, "not tried"))[1])
        for name in sorted(promised)
    )


def _answers(result: ExecResult) -> dict[str, tuple[bool, str]] | None:
    try:
        answers = json.loads(result.stdout)
        return {str(name): (holds is True, str(seen)) for name, (holds, seen) in answers.items()}
    except (ValueError, TypeError, AttributeError):
        return None


def _kill(sandbox: Sandbox) -> Check:
    spec = BoxSpec(name="self-test", kind="self-test", limits=LIMITS)
    with sandbox.open(spec) as box:
        began = time.monotonic()
        result = box.exec(["sh", "-c", "trap '' TERM INT HUP; setsid sleep 60 & sleep 60"], seconds=0.3)
        late = time.monotonic() - began - 0.3
    return Check(
        name="kill at the deadline",
        holds=result.timed_out and late < KILL_SECONDS,
        seen=f"{late:.2f} s after it" if result.timed_out else f"exit {result.exit_code}",
    )
