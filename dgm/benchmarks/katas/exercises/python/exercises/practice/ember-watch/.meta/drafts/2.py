def longest_glow(readings: list[int], glowing: int) -> int:
    """Return the number of glowing readings in the longest glow; `glowing` is at least 1."""
    longest = glow = 0
    for reading in readings:
        glow = glow + 1 if reading >= glowing else 0
        longest = max(longest, glow)
    return longest
