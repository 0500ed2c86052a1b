def unwatched_hours(watches: list[tuple[int, int]]) -> list[int]:
    """Return the hours of the day, 0 to 23 and in ascending order, in which nobody is at the gate."""
    raise NotImplementedError
