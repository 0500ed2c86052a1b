def ballast_stones(port: list[int], starboard: list[int]) -> tuple[str, int]:
    """Return the side that gets stones, and how many."""
    raise NotImplementedError
