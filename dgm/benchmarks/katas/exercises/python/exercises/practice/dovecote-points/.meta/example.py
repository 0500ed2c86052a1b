def roost_points(holes: str) -> int:
    """Return the points of a row of holes, one character each."""
    points = 0
    row = f".{holes}."
    for place in range(1, len(row) - 1):
        if row[place] == "s":
            points += 1
        elif row[place] == "d" and "o" not in row[place - 1 : place + 2]:
            points += 2
    return points if "." in holes else points * 2
