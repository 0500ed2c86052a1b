from __future__ import annotations

import os
import signal

import pytest

from dgm.interrupts import Stops


def test_while_a_run_is_prepared_either_signal_is_raised() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with pytest.raises(KeyboardInterrupt), Stops():
            os.kill(os.getpid(), number)


def test_while_it_goes_on_they_are_counted_until_patience_ends() -> None:
    with Stops() as stops:
        stops.count()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops() == 1
        os.kill(os.getpid(), signal.SIGINT)
        assert stops() == 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_signals_taken_by_somebody_else_are_taken_back() -> None:
    with Stops() as stops:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stops.count()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stops() == 1


def test_the_handlers_before_are_restored() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Stops():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
