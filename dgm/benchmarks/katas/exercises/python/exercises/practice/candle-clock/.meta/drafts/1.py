def burn_total(burns: list[tuple[int, int, int]]) -> str:
    """Return the sum of all burns as text."""
    candles = sum(burn[0] for burn in burns)
    rings = sum(burn[1] for burn in burns)
    drips = sum(burn[2] for burn in burns)
    return f"{candles}c {rings}r {drips}d"
