def turn_swatch(rows: list[str], quarters: int) -> list[str]:
    """Return the rows of the turned swatch; all rows are equally long."""
    raise NotImplementedError
