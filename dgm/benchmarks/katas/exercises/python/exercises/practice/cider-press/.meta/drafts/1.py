def press_passes(apples: int, capacity: int) -> list[int]:
    """Return the apples pressed in each pass; `capacity` is at least 1."""
    passes = []
    while apples > 4:
        passes.append(capacity)
        apples -= capacity
    return passes
