from __future__ import annotations

import pytest

from dgm.gates import Gates

PARENT = {"agent.toml": b"frozen", "solve.py": b"s", "lib/a.py": b"a"}
ENTRIES = frozenset({"python3", "solve.py", "-q"})


def paths(child: dict[str, bytes], gates: Gates | None = None, patch_bytes: int = 0) -> str:
    verdict = (gates or Gates()).paths(
        PARENT, child, frozen={"agent.toml": b"frozen"}, entries=ENTRIES, patch_bytes=patch_bytes
    )
    assert verdict.passed == (not verdict.detail)
    return verdict.detail


def test_an_edit_passes() -> None:
    assert paths({**PARENT, "solve.py": b"better", "new.py": b""}) == ""
    assert paths({name: content for name, content in PARENT.items() if name != "lib/a.py"}) == ""


@pytest.mark.parametrize(
    ("child", "detail"),
    [
        ({**PARENT, "agent.toml": b"thawed"}, "agent.toml is frozen and was changed"),
        ({"solve.py": b"s"}, "agent.toml is frozen and was changed"),
        ({"agent.toml": b"frozen"}, "solve.py is an entry file and is gone"),
        ({**PARENT, **{f"{n}": b"" for n in range(198)}}, "201 files, at most 200 allowed"),
        ({**PARENT, "big": b"x" * 1_000_000}, "1000008 bytes, at most 1000000 allowed"),
    ],
)
def test_what_the_paths_gate_stops(child: dict[str, bytes], detail: str) -> None:
    assert paths(child) == detail


def test_limits_are_inclusive() -> None:
    assert paths(PARENT, Gates(max_files=3, max_bytes=8, max_patch_bytes=10), patch_bytes=10) == ""
    assert (
        paths(PARENT, Gates(max_patch_bytes=10), patch_bytes=11) == "a patch of 11 bytes, at most 10 allowed"
    )


@pytest.mark.parametrize("name", ["max_files", "max_bytes", "max_patch_bytes", "smoke_s", "check_s"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"gate.{name} must be positive, got 0"):
        Gates(**{name: 0})  # type: ignore[arg-type]
