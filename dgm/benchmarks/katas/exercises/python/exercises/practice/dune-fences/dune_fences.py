def fence_drawing(heights: list[int]) -> list[str]:
    """Return the lines of the drawing; there is at least one board and no height is below 0."""
    raise NotImplementedError
