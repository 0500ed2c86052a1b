def hoist_trips(blocks: list[tuple[int, int]], limit: int) -> list[tuple[int, list[int]]]:
    """The trips in order, each as (starting minute, positions of its blocks in loading order).

    `blocks` holds (minute in which the block is ready, weight); positions count from 0.
    """
    left = set(range(len(blocks)))
    trips: list[tuple[int, list[int]]] = []
    free = 0
    while left:
        start = max(free, min(blocks[b][0] for b in left))
        loaded: list[int] = []
        load = 0
        waiting = [b for b in left if blocks[b][0] <= start]
        for block in sorted(waiting, key=lambda b: (blocks[b][0], b)):
            if loaded and load + blocks[block][1] > limit:
                break
            loaded.append(block)
            load += blocks[block][1]
        free = start + 4
        left -= set(loaded)
        trips.append((start, loaded))
    return trips
