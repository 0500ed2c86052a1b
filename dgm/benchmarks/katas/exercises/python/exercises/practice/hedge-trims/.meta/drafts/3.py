def trimmed_hedge(heights: list[int], limit: int) -> list[int]:
    """Return the heights after trimming; `limit` is at least 1 and no height is below 0."""
    trimmed = [min(height, limit) for height in heights[:1]]
    for height in heights[1:]:
        trimmed.append(min(height, limit, trimmed[-1] + 2))
    return trimmed
