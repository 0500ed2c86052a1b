def press_passes(apples: int, capacity: int) -> list[int]:
    """Return the apples pressed in each pass; `capacity` is at least 1."""
    passes = []
    while apples > 4:
        pressed = min(apples, capacity)
        passes.append(pressed)
        apples += pressed // 4 - pressed
    return passes
