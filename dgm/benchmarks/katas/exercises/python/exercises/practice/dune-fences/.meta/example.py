def fence_drawing(heights: list[int]) -> list[str]:
    """Return the lines of the drawing; there is at least one board and no height is below 0."""
    lines = []
    for level in range(max(1, *heights), 0, -1):
        line = ""
        for height in heights:
            if height >= level:
                line += "#"
            else:
                line += "_" if height == 0 and level == 1 else " "
        lines.append(line.rstrip())
    return lines
