def best_raft_load(casks: list[tuple[int, int]], tilt: int) -> int:
    """The greatest earnings; `casks` holds (weight, worth). Without casks they are 0."""
    port = starboard = earned = 0
    for weight, worth in casks:
        if port <= starboard and port + weight - starboard <= tilt:
            port += weight
            earned += worth
        elif starboard + weight - port <= tilt:
            starboard += weight
            earned += worth
    return earned
