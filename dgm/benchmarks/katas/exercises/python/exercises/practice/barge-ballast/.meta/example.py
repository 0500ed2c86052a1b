def ballast_stones(port: list[int], starboard: list[int]) -> tuple[str, int]:
    """Return the side that gets stones, and how many."""
    gap = sum(port) - sum(starboard)
    if gap == 0:
        return "level", 0
    stones = (abs(gap) + 39) // 40
    if stones > 9:
        raise OverflowError(f"expected to need at most 9 stones, need {stones}")
    return "starboard" if gap > 0 else "port", stones
