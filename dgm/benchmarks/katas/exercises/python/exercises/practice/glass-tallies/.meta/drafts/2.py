def bottle_tally(bottles: int) -> str:
    """Return the tally for a number of bottles, which is not below 0."""
    carts, rest = divmod(bottles, 18)
    crates, single = divmod(rest, 6)
    return "W" * carts + "k" * crates + "i" * single
