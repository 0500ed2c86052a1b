def longest_glow(readings: list[int], glowing: int) -> int:
    """Return the number of glowing readings in the longest glow; `glowing` is at least 1."""
    raise NotImplementedError
