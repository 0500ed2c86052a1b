def share_jars(jars: int, hours: dict[str, int]) -> dict[str, int]:
    """Return how many jars each helper gets; `hours` maps each helper's name to whole hours."""
    raise NotImplementedError
