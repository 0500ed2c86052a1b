def moss_date(days: int) -> str:
    """Write the date that lies `days` days after the first day of year 1."""
    raise NotImplementedError
