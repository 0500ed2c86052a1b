def ballast_stones(port: list[int], starboard: list[int]) -> tuple[str, int]:
    """Return the side that gets stones, and how many."""
    gap = sum(port) - sum(starboard)
    if gap == 0:
        return "level", 0
    return "starboard" if gap > 0 else "port", (abs(gap) + 39) // 40
