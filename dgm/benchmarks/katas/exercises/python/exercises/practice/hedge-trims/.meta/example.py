def trimmed_hedge(heights: list[int], limit: int) -> list[int]:
    """Return the heights after trimming; `limit` is at least 1 and no height is below 0."""
    trimmed = []
    left = 0
    for height in heights:
        left = min(height, limit, left + 2 if left else limit)
        trimmed.append(left)
    return trimmed
