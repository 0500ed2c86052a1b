def bottle_tally(bottles: int) -> str:
    """Return the tally for a number of bottles, which is not below 0."""
    raise NotImplementedError
