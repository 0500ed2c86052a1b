def sacks_at_market(roads: list[tuple[str, str, int, str]], sacks: int, days: int) -> int:
    """The most of `sacks` that can arrive; every road takes at least 1 day."""

    def most(town: str, load: int, left: int) -> int:
        if town == "market":
            return load
        best = 0
        for start, end, length, kind in roads:
            if start != town or length > left:
                continue
            carried = load
            if kind == "wet":
                carried = max(0, load - length)
            elif kind == "toll":
                carried -= (load + 9) // 10
            best = max(best, most(end, carried, left - length))
        return best

    return most("well", sacks, days)
