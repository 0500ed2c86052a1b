"""What a measurement gives: figures, and targets that hold or do not."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

Load = tuple[float, float, float]


class CannotMeasureError(Exception):
    """What the subject needs is not on this machine."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`n` samples of one thing: the median, and the range that `range_is` names."""

    name: str
    unit: str
    n: int
    median: float
    low: float
    high: float
    range_is: str = "middle half"
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is promised: `value` is at most `bound`, or `at_least` that."""

    name: str
    unit: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass(frozen=True, kw_only=True)
class Report:
    subject: str
    machine: Mapping[str, object]
    settings: Mapping[str, object]
    load_before: Load
    load_after: Load
    figures: tuple[Figure, ...]
    targets: tuple[Target, ...]

    @property
    def holds(self) -> bool:
        return all(target.holds for target in self.targets)


def machine() -> dict[str, object]:
    """The facts about this machine that times depend on."""
    facts: dict[str, object] = {
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    models = [
        line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")
    ]
    meminfo = Path("/proc/meminfo").read_text(encoding="utf-8").split()
    return {**facts, "processor": models[0] if models else "", "memory_mib": int(meminfo[1]) // 1024}


def as_json(report: Report) -> dict[str, object]:
    found = asdict(report)
    found["targets"] = [{**asdict(target), "holds": target.holds} for target in report.targets]
    return {**found, "holds": report.holds}


def as_text(report: Report) -> str:
    lines = [f"scripts/perf {report.subject}"]
    lines.append("machine   " + ", ".join(f"{name} {value}" for name, value in report.machine.items()))
    lines.append("settings  " + ", ".join(f"{name} {value}" for name, value in report.settings.items()))
    before, after = (
        " ".join(f"{one:.2f}" for one in load) for load in (report.load_before, report.load_after)
    )
    lines.append(f"load      {before} before, {after} after")
    width = max(len(figure.name) for figure in report.figures)
    lines.append("")
    lines.append(f"{'':{width}}  {'n':>5}  {'median':>9}  {'from':>9}  {'to':>9}")
    for one in report.figures:
        line = (
            f"{one.name:{width}}  {one.n:5}  {one.median:9.3f}  {one.low:9.3f}  {one.high:9.3f}  {one.unit:5}"
        )
        lines.append(f"{line}  {one.range_is}{'; ' if one.note else ''}{one.note}".rstrip())
    lines.append("")
    for target in report.targets:
        verdict = "holds" if target.holds else "DOES NOT HOLD"
        bound = f"{target.bound:g} {target.unit}".strip()
        most = "at least" if target.at_least else "at most"
        lines.append(f"{target.name}: {target.value:.3f}, {most} {bound}: {verdict}")
    return "\n".join(lines)
