def ballast_stones(port: list[int], starboard: list[int]) -> tuple[str, int]:
    """Return the side that gets stones, and how many."""
    gap = sum(port) - sum(starboard)
    return "starboard" if gap > 0 else "port", (abs(gap) + 39) // 40
