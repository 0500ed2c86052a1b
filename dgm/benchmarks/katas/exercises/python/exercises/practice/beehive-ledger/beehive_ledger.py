def settle_hives(lines: list[str]) -> dict[str, int]:
    """Return the number of frames of each hive."""
    raise NotImplementedError
