"""What the ledger remembers, and that an interrupt in the middle of it is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archive.ledger import Ledger
from archive.records import Row
from archive.testing import a_search


class Interrupting(tuple[Row, ...]):
    """Rows that are interrupted when they are looked at for the second time, which is when they are taken note of."""

    looks = 0

    def __iter__(self) -> Iterator[Row]:
        self.looks += 1
        if self.looks > 2:
            raise KeyboardInterrupt
        return super().__iter__()


def test_an_interrupt_while_entries_are_checked_is_noticed() -> None:
    ledger, entries = Ledger(), a_search(3)
    ledger.check_many(entries[:2])
    assert ledger.steady
    with pytest.raises(KeyboardInterrupt):
        ledger.check_many([entries[0], Interrupting(entries[1])])
    assert not ledger.steady


def test_an_interrupt_while_entries_are_recorded_is_noticed() -> None:
    ledger, rows = Ledger(), Interrupting(a_search(1)[0])
    rows.looks = 2
    with pytest.raises(KeyboardInterrupt):
        ledger.record_many([rows])
    assert not ledger.steady
