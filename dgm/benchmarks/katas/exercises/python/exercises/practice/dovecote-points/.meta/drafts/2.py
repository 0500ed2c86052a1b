def roost_points(holes: str) -> int:
    """Return the points of a row of holes, one character each."""
    points = 2 * holes.count("d") + holes.count("s")
    return points if "." in holes else points * 2
