def trimmed_hedge(heights: list[int], limit: int) -> list[int]:
    """Return the heights after trimming; `limit` is at least 1 and no height is below 0."""
    raise NotImplementedError
