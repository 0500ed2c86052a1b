LETTERS = "ABCDE"


def row_label(row: int) -> str:
    """Return the label of a row, counted from 1."""
    return LETTERS[(row - 1) % 5]
