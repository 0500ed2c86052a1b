def free_windows(
    opening: tuple[int, int],
    bookings: list[tuple[int, int]],
    low_tides: list[tuple[int, int]],
    rinse: int,
    least: int,
) -> list[tuple[int, int]]:
    """Return the windows (start, end) in which the jetty is free. `least` is at least 1."""
    free_from, closing = opening
    windows = []
    for start, end in sorted(bookings + low_tides):
        windows.append((free_from, min(start, closing)))
        free_from = max(free_from, end)
    windows.append((free_from, closing))
    return [(start, end) for start, end in windows if end - start > least]
