LETTERS = "ABCDE"


def row_label(row: int) -> str:
    """Return the label of a row, counted from 1."""
    if row < 1:
        raise ValueError(f"rows are counted from 1, got {row}")
    label = ""
    while row > 0:
        row, place = divmod(row - 1, 5)
        label = LETTERS[place] + label
    return label
