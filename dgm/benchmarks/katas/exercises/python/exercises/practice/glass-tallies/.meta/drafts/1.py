def bottle_tally(bottles: int) -> str:
    """Return the tally for a number of bottles, which is not below 0."""
    return "k" * (bottles // 6) + "i" * (bottles % 6)
