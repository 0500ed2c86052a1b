from collections.abc import Iterator


def ring_changes(bells: str, rows: int) -> Iterator[str]:
    """Yield row after row."""
    raise NotImplementedError
