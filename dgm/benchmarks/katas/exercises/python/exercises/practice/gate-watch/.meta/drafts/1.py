def unwatched_hours(watches: list[tuple[int, int]]) -> list[int]:
    """Return the hours of the day, 0 to 23 and in ascending order, in which nobody is at the gate."""
    watched: set[int] = set()
    for start, end in watches:
        watched.update(range(start, end + 1))
    return [hour for hour in range(24) if hour not in watched]
