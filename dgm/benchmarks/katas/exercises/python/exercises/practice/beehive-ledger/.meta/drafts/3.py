def settle_hives(lines: list[str]) -> dict[str, int]:
    """Return the number of frames of each hive."""
    frames: dict[str, int] = {}
    for line in lines:
        name, change = line.rsplit(" ", 1)
        frames[name] = frames.get(name, 0) + int(change)
    return {name: total for name, total in frames.items() if total != 0}
