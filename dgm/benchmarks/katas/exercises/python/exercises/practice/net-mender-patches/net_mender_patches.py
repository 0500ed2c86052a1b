def plan_patches(net: list[str]) -> list[tuple[int, int, int, int]]:
    """Return the patches, sorted, as (first row, first column, last row, last column), counted from 0."""
    raise NotImplementedError
