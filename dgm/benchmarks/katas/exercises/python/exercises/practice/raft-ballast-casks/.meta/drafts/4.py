def best_raft_load(casks: list[tuple[int, int]], tilt: int) -> int:
    """The greatest earnings; `casks` holds (weight, worth). Without casks they are 0."""
    # (port minus starboard, side of the last cask: 1, -1, 0 ashore, None at the start) -> earnings
    best: dict[tuple[int, int | None], int] = {(0, None): 0}
    for weight, worth in casks:
        after: dict[tuple[int, int | None], int] = {}
        for (lean, last), earned in best.items():
            for side in (-1, 0, 1):
                new_lean = lean + side * weight
                if abs(new_lean) > tilt or (side != 0 and side == last):
                    continue
                if side != 0:
                    total = earned + worth
                else:
                    total = earned - (last == 0)
                state = (new_lean, side)
                after[state] = max(total, after.get(state, total))
        best = after
    return max(best.values())
