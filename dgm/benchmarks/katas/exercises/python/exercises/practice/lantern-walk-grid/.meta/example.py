STEPS = {"N": (-1, 0), "E": (0, 1), "S": (1, 0), "W": (0, -1)}


def lantern_walk(field: list[str], moves: str, drops: int) -> tuple[int, int, int]:
    """Return (row, column, drops left) at the end of the walk; rows and columns count from 0."""
    cells = {(r, c): mark for r, line in enumerate(field) for c, mark in enumerate(line)}
    here = next(place for place, mark in cells.items() if mark == "S")
    emptied = set()
    for move in moves:
        down, right = STEPS[move]
        there = (here[0] + down, here[1] + right)
        blocked = cells.get(there, "#") == "#"
        minutes = 3 if cells[here] == "~" and not blocked else 1
        if minutes > drops:
            break
        drops -= minutes
        if blocked:
            continue
        here = there
        if cells[here] == "o" and here not in emptied:
            emptied.add(here)
            drops += 4
    return (*here, drops)
