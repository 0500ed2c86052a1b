def sacks_at_market(roads: list[tuple[str, str, int, str]], sacks: int, days: int) -> int:
    """The most of `sacks` that can arrive; every road takes at least 1 day."""

    def most(town: str, load: int, left: int, wet: bool) -> int:
        if town == "market":
            return load
        best = 0
        for start, end, length, kind in roads:
            if start != town or length > left:
                continue
            carried = load
            if kind == "wet":
                carried = max(0, load - length)
            elif kind == "toll" and not wet:
                carried -= (load + 9) // 10
            spent = length
            if length >= 3 and end != "market":
                spent += 1
            best = max(best, most(end, carried, left - spent, kind == "wet"))
        return best

    return most("well", sacks, days, False)
