from collections.abc import Iterator


def ring_changes(bells: str, rows: int) -> Iterator[str]:
    """Yield row after row."""
    row = list(bells)
    for number in range(rows):
        yield "".join(row)
        for i in range(number % 2, len(row) - 1, 2):
            row[i], row[i + 1] = row[i + 1], row[i]
