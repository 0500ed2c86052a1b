def settle_hives(lines: list[str]) -> dict[str, int]:
    """Return the number of frames of each hive."""
    frames: dict[str, int] = {}
    for line in lines:
        name, change = line.rsplit(" ", 1)
        frames[name] = int(change)
    return frames
