def roost_points(holes: str) -> int:
    """Return the points of a row of holes, one character each."""
    raise NotImplementedError
