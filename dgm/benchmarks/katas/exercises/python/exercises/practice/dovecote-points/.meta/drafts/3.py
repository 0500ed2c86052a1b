def roost_points(holes: str) -> int:
    """Return the points of a row of holes, one character each."""
    points = 0
    before = "."
    for bird in holes:
        if bird == "s":
            points += 1
        elif bird == "d" and before != "o":
            points += 2
        before = bird
    return points if "." in holes else points * 2
