"""What any archive owes its callers.

An archive is a sequence of *entries*. An entry is a set of rows that became true together: one decision of
the policy, or one result with everything that it says (its row, the agent it made, its model calls), or a
change of the run. State is a fold over the entries in the order of their numbers; the archive keeps none
beside that.

Promises, held by `archive.testing.ArchiveContract`:

*Order.* Entries are numbered from 0 without gaps. `append` takes the rows of exactly one entry, which must
all carry `next_seq`. Within an entry the rows are told in the order of `records.ROW_TYPES`, so the fold of a
live run and the fold of the same run read back are the same fold.

*All or nothing, and for good.* When `append` returns, the entry is there whole and on disk; when it raises,
the archive is what it was. An entry never changes afterwards and never goes away: what `entries` gives for a
number equals what was appended, today, after `close` and after a crash. `append_many` is the same for several
entries at the price of one: when it raises, none of them is there. Only a crash in the middle of it may leave
some, the first ones, each whole.

*Nothing twice.* An id is recorded once: agents, expansions and evaluations raise `AlreadyRecordedError` when
one comes again, with equal content or not, and so do calls of a rollout whose result is there already. A decision
takes at most one result that is not void; re-grades (`Evaluation.replaces`) stand beside it.

*Nothing from nowhere.* A decision is about a recorded agent. A result names a recorded decision of its kind,
and what it says of agent, task and parent is what was decided. An agent's parents, an expansion's child and
the evaluation that a re-grade replaces are recorded, at the latest in the same entry; the re-grade is a result
of the same decision, which has a counted one. Calls are in the entry of the result that they were made for.

*Plain values.* What goes in must come back equal, so JSON columns take only what JSON gives back: lists but
no tuples, finite numbers, text keys. Rows that came in are not referred to afterwards.

*Reading beside writing.* `entries` shows the archive as it is when it is called; entries appended later are
not in that iterator. Any number of readers may look at a run on disk while one driver writes it.

*What it does not do.* It does not choose, it does not know policies, it reads no clock into a row, and it is
not for several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from .records import Entry, Row


class Archive(Protocol):
    """Append and read from a number on: all that a search needs. See the module's text for the promises."""

    @property
    def next_seq(self) -> int:
        """The number of the entry that comes next; also how many entries there are."""
        ...

    def append(self, *rows: Row) -> int:
        """Record one entry and return its number, which all `rows` carry. Durable when this returns.

        Raises an `EntryError` when the rows cannot become an entry, `NotWritableError` after `close` or on a
        reader, `WriteFailedError` when the disk did not take them. Whatever it raises, the archive is as
        before.
        """
        ...

    def append_many(self, entries: Sequence[Sequence[Row]]) -> Sequence[int]:
        """Record several entries, each the rows of one with the number that it gets, and return their numbers.

        All are durable when this returns, after one wait for the disk. Raises as `append`, and then none is there.
        """
        ...

    def entries(self, since: int = 0) -> Iterator[Entry]:
        """The entries from number `since` on, in order, as they are now."""
        ...

    def close(self) -> None:
        """No entries come after this. Closing twice is fine; a closed archive can still be read."""
        ...
