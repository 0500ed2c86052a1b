def free_windows(
    opening: tuple[int, int],
    bookings: list[tuple[int, int]],
    low_tides: list[tuple[int, int]],
    rinse: int,
    least: int,
) -> list[tuple[int, int]]:
    """Return the windows (start, end) in which the jetty is free. `least` is at least 1."""
    raise NotImplementedError
