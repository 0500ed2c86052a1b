"""What re-grades of a run came to."""

from __future__ import annotations

from collections.abc import Iterable

from archive import Row
from dgm.results import Regrade, regrades

LISTED = 5
"""How many changed verdicts a page names."""


def regrade_text(one: Regrade) -> str:
    """One re-grade in a line: what it is about, both outcomes, and where to look."""
    before, after = one.before, one.after
    reason = f" ({after.detail or before.detail})" if after.detail or before.detail else ""
    return (
        f"{before.id[:10]}: {before.outcome} -> {after.outcome}{reason}, agent {after.agent[:10]} on {after.task}"
        f" ({after.split}); graded again as {after.id[:10]}"
    )


def regrade_notes(rows: Iterable[Row]) -> tuple[str, ...]:
    """What every page says of a run in which answers were graded again; nothing when none were."""
    found = regrades(rows)
    if not found:
        return ()
    changed = [one for one in found if one.changed]
    listed = ", ".join(
        f"{one.after.id[:10]} ({one.before.outcome} -> {one.after.outcome})" for one in changed[:LISTED]
    )
    more = f" and {len(changed) - LISTED} more" if len(changed) > LISTED else ""
    told = f"; changed verdicts: {listed}{more}" if changed else "; no verdict changed"
    answers = len({one.after.decision for one in found})
    return (f"re-graded: {answers} answers were graded again, the last grade counts{told}",)
