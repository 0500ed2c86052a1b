"""What is expected of a search from how fast it went, with pauses left out."""

from __future__ import annotations

from dgm.report.pace import Pace


def seen(*moments: tuple[float, int, int], searching: bool = True) -> Pace:
    pace = Pace()
    for now, done, microusd in moments:
        pace.see(now, done, microusd, searching=searching)
    return pace


def test_nothing_is_expected_before_anything_is_done() -> None:
    pace = seen((100.0, 7, 0), (160.0, 7, 0))
    assert pace.per_hour is None
    assert pace.left(20, None) == "-"


def test_an_even_pace_gives_one_time() -> None:
    pace = seen((0.0, 7, 0), (60.0, 8, 0), (120.0, 9, 0))
    assert pace.per_hour == 60
    assert pace.left(19, None) == "about 0:10:00"
    assert pace.left(9, None) == "-"


def test_a_pause_takes_no_searching_time() -> None:
    pace = Pace()
    pace.see(0.0, 0, 0, searching=True)
    pace.see(60.0, 1, 0, searching=True)
    pace.see(60.0, 1, 0, searching=False)
    pace.see(9960.0, 1, 0, searching=True)
    pace.see(10020.0, 2, 0, searching=True)
    assert pace.per_hour == 60


def test_a_pace_that_has_changed_gives_both_times() -> None:
    """Ten an hour at first, sixty an hour for the last half hour."""
    pace = Pace()
    for n in range(21):
        pace.see(360.0 * n, n, 0, searching=True)
    for n in range(1, 41):
        pace.see(7200.0 + 60.0 * n, 20 + n, 0, searching=True)
    assert pace.per_hour is not None
    assert 58 < pace.per_hour <= 60
    low, high = pace.left(120, None).split(" to ")
    assert low in ("1:00:00", "1:01:00")
    assert high == "2:40:00"


def test_money_that_is_spent_sooner_is_told() -> None:
    pace = seen((0.0, 0, 0), (3600.0, 10, 1_000_000))
    assert pace.usd_per_hour == 1.0
    assert pace.left(100, 3_000_000) == "about 2:00:00 until the money is spent"
    assert pace.left(20, 3_000_000) == "about 1:00:00"
    assert pace.left(100, None) == "about 9:00:00"
