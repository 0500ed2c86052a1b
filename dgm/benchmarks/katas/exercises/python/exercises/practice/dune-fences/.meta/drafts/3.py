def fence_drawing(heights: list[int]) -> list[str]:
    """Return the lines of the drawing; there is at least one board and no height is below 0."""
    lines = []
    for level in range(max(heights), 0, -1):
        lines.append("".join("#" if height >= level else " " for height in heights).rstrip())
    return lines
