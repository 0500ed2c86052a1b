def turn_swatch(rows: list[str], quarters: int) -> list[str]:
    """Return the rows of the turned swatch; all rows are equally long."""
    for _ in range(quarters):
        rows = ["".join(column) for column in zip(*rows)]
    return list(rows)
