MOON = 33
NAMED = 11 * MOON


def moss_date(days: int) -> str:
    """Write the date that lies `days` days after the first day of year 1."""
    letter = "ABCDEFGHI"[days % 9]
    year = 1
    while days >= _length(year):
        days -= _length(year)
        year += 1
    return f"{year}/{days // MOON + 1}/{days % MOON + 1} {letter}"


def _length(year: int) -> int:
    """Days of the year."""
    return NAMED + (3 if year % 4 == 0 else 2)
