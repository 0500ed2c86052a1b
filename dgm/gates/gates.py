"""What a child must pass before it joins the archive, in order: paths, change, smoke, check.

The cheap gates are pure functions of trees. `smoke` and `check` run the child in fresh boxes, so their verdicts come
from the job; what they ask stands in `dgm.gates.smoke` and in the seed's manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archive import GateVerdict


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Limits of the gates. Sizes are bytes, times seconds; `smoke` and `check` can be switched off."""

    max_files: int = 200
    max_bytes: int = 1_000_000
    max_patch_bytes: int = 200_000
    smoke: bool = True
    smoke_s: float = 60.0
    check: bool = True
    check_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("max_files", "max_bytes", "max_patch_bytes", "smoke_s", "check_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"gate.{name} must be positive, got {getattr(self, name)}")

    def paths(
        self,
        parent: Mapping[str, bytes],
        child: Mapping[str, bytes],
        *,
        frozen: Mapping[str, bytes],
        entries: frozenset[str],
        patch_bytes: int,
    ) -> GateVerdict:
        """Changed paths and sizes.

        `frozen` are files that must stay byte for byte (the seed's manifest), `entries` the words of its commands:
        those that name files of the parent must still be there. `patch_bytes` is the size of what changed.
        """
        for path, content in frozen.items():
            if child.get(path) != content:
                return GateVerdict(gate="paths", passed=False, detail=f"{path} is frozen and was changed")
        missing = sorted(path for path in entries if path in parent and path not in child)
        size = sum(len(content) for content in child.values())
        if missing:
            detail = f"{missing[0]} is an entry file and is gone"
        elif len(child) > self.max_files:
            detail = f"{len(child)} files, at most {self.max_files} allowed"
        elif size > self.max_bytes:
            detail = f"{size} bytes, at most {self.max_bytes} allowed"
        elif patch_bytes > self.max_patch_bytes:
            detail = f"a patch of {patch_bytes} bytes, at most {self.max_patch_bytes} allowed"
        else:
            return GateVerdict(gate="paths", passed=True)
        return GateVerdict(gate="paths", passed=False, detail=detail)
