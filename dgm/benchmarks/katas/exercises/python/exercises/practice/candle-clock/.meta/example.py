def burn_total(burns: list[tuple[int, int, int]]) -> str:
    """Return the sum of all burns as text."""
    total = sum((candles * 6 + rings) * 15 + drips for candles, rings, drips in burns)
    rings, drips = divmod(total, 15)
    candles, rings = divmod(rings, 6)
    parts = ((candles, "c"), (rings, "r"), (drips, "d"))
    return " ".join(f"{number}{unit}" for number, unit in parts if number) or "unlit"
