def roost_points(holes: str) -> int:
    """Return the points of a row of holes, one character each."""
    return 2 * holes.count("d") + holes.count("s")
