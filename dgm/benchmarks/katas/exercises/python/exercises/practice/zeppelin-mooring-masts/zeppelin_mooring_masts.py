def moor_zeppelins(requests: list[tuple[str, int, int, int]], masts: int) -> dict[str, int]:
    """The mast of every airship after all requests, 0 for one turned away."""
    raise NotImplementedError
