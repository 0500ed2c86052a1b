MOON = 33
NAMED = 11 * MOON


def moss_date(days: int) -> str:
    """Write the date that lies `days` days after the first day of year 1."""
    if days < 0:
        raise ValueError("the calendar starts with day 0")
    year = 1
    while days >= _length(year):
        days -= _length(year)
        year += 1
    if days >= NAMED:
        return f"{year}/moss {days - NAMED + 1}"
    letter = "ABCDEFGHI"[((year - 1) * NAMED + days) % 9]
    return f"{year}/{days // MOON + 1}/{days % MOON + 1} {letter}"


def _length(year: int) -> int:
    """Days of the year."""
    return NAMED + (3 if year % 4 == 0 and year % 28 != 0 else 2)
