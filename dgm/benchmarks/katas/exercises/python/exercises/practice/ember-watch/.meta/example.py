def longest_glow(readings: list[int], glowing: int) -> int:
    """Return the number of glowing readings in the longest glow; `glowing` is at least 1."""
    longest = glow = weak = 0
    for reading in readings:
        if reading >= glowing:
            glow += 1
            weak = 0
        else:
            weak += 1
            if weak == 2 or reading == 0:
                glow = 0
        longest = max(longest, glow)
    return longest
