from collections.abc import Iterator


def ring_changes(bells: str, rows: int) -> Iterator[str]:
    """Yield row after row."""
    row = list(bells)
    for _ in range(rows):
        row[0], row[1] = row[1], row[0]
        yield "".join(row)
