def sacks_at_market(roads: list[tuple[str, str, int, str]], sacks: int, days: int) -> int:
    """The most of `sacks` that can arrive; every road takes at least 1 day."""
    raise NotImplementedError
