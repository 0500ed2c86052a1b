import heapq


def quickest_way(
    paths: list[tuple[str, str, int]], inns: set[str], start: str, goal: str
) -> tuple[int, list[str]] | None:
    """Return (hours, places from start to goal) of the quickest way; every path takes at least 1 hour."""
    steps: dict[str, list[tuple[str, int]]] = {}
    for low, high, hours in paths:
        steps.setdefault(low, []).append((high, 2 * hours))
        steps.setdefault(high, []).append((low, hours))
    queue = [(0, 1, [start])]
    settled = set()
    while queue:
        hours, places, way = heapq.heappop(queue)
        here = way[-1]
        if here == goal:
            return hours, way
        if here in settled:
            continue
        settled.add(here)
        rest = 1 if here in inns and here != start else 0
        for there, more in steps.get(here, []):
            heapq.heappush(queue, (hours + rest + more, places + 1, [*way, there]))
    return None
