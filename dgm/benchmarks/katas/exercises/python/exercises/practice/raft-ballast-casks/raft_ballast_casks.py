def best_raft_load(casks: list[tuple[int, int]], tilt: int) -> int:
    """The greatest earnings; `casks` holds (weight, worth). Without casks they are 0."""
    raise NotImplementedError
