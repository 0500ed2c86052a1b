def reef_crossing(chart: list[str], tide: int, oil: int) -> int:
    """The fewest hours from `S` to `E`, or -1."""
    raise NotImplementedError
