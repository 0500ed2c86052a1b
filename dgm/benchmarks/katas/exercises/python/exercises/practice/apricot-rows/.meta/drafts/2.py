LETTERS = "ABCDE"


def row_label(row: int) -> str:
    """Return the label of a row, counted from 1."""
    group, place = divmod(row - 1, 5)
    if group == 0:
        return LETTERS[place]
    return LETTERS[(group - 1) % 5] + LETTERS[place]
