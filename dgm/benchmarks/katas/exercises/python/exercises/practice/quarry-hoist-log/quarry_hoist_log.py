def hoist_trips(blocks: list[tuple[int, int]], limit: int) -> list[tuple[int, list[int]]]:
    """The trips in order, each as (starting minute, positions of its blocks in loading order).

    `blocks` holds (minute in which the block is ready, weight); positions count from 0.
    """
    raise NotImplementedError
