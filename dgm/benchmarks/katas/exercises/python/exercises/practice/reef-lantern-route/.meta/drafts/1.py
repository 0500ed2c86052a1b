MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


def reef_crossing(chart: list[str], tide: int, oil: int) -> int:
    """The fewest hours from `S` to `E`, or -1."""
    marks = {
        (r, c): mark for r, row in enumerate(chart) for c, mark in enumerate(row) if mark != "#"
    }
    boats = {(square, oil) for square, mark in marks.items() if mark == "S"}
    seen: set[tuple[tuple[int, int], int, int]] = set()
    hour = 0
    while boats:
        if any(marks[square] == "E" for square, _ in boats):
            return hour
        hour += 1
        phase = hour % (2 * tide)
        high = hour <= tide
        moved = set()
        for (row, column), left in boats:
            for down, right in MOVES:
                square = (row + down, column + right)
                if square not in marks:
                    continue
                if marks[square] == "~" and (row, column) != square and not high:
                    continue
                if left == 0:
                    continue
                now = oil if marks[square] == "*" else left - 1
                if (square, now, phase) not in seen:
                    seen.add((square, now, phase))
                    moved.add((square, now))
        boats = moved
    return -1
