def lantern_walk(field: list[str], moves: str, drops: int) -> tuple[int, int, int]:
    """Return (row, column, drops left) at the end of the walk; rows and columns count from 0."""
    raise NotImplementedError
