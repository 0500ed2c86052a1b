"""What a run gave up because the machine failed every try: tasks and expansions set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archive import ExpansionOutcome, Outcome, RunReader
from dgm.columns import last_tries
from dgm.tree import MAX_ATTEMPTS

LISTED = 5
"""How many tasks or parents a page names."""


def aside_notes(run: RunReader) -> tuple[str, ...]:
    """What every page says of a run that set something aside; nothing of any other."""
    tasks = last_tries(run, "evaluations", "task", Outcome.VOID, MAX_ATTEMPTS)
    parents = last_tries(run, "expansions", "parent", ExpansionOutcome.VOID, MAX_ATTEMPTS)
    short = {parent[:10]: reasons for parent, reasons in parents.items()}
    return (*_note("evaluations", "tasks", tasks), *_note("expansions", "parents", short))


def _note(jobs: str, of: str, found: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if not found:
        return ()
    worst = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))
    named = [
        f"{name} ({len(reasons)}; last: {reasons[-1] or 'no reason given'})"
        for name, reasons in worst[:LISTED]
    ]
    more = f" and {len(found) - LISTED} more {of}" if len(found) > LISTED else ""
    count = sum(map(len, found.values()))
    return (
        f"set aside: {jobs} that the machine failed {MAX_ATTEMPTS} times and that count for nothing: {count}, by {of}:"
        f" {'; '.join(named)}{more}",
    )
