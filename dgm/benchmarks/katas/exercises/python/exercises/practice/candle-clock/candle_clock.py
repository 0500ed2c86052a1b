def burn_total(burns: list[tuple[int, int, int]]) -> str:
    """Return the sum of all burns as text."""
    raise NotImplementedError
