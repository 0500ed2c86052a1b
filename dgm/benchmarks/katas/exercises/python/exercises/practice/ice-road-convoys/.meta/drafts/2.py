def plan_crossings(
    trucks: list[tuple[str, int, int]], limit: int, closed: tuple[int, int]
) -> list[tuple[str, int]]:
    """Say when each truck drives onto the ice."""
    crossings = []
    rested = 0
    for name, arrival, weight in sorted(trucks, key=lambda truck: (truck[1], truck[2])):
        minute = max(arrival, rested)
        if closed[0] < minute < closed[1]:
            minute = closed[1]
        if weight <= limit:
            crossings.append((name, minute))
        rested = minute + weight // 5
    return crossings
