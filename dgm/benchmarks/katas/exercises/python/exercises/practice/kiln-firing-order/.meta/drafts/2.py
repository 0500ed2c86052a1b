def plan_firings(pots: dict[str, list[str]], shelf: int) -> list[list[str]]:
    """Return the kiln loads in order, each as a list of pot names."""
    waiting = dict(pots)
    loads = []
    fired: set[str] = set()
    while waiting:
        ready = [pot for pot, needs in waiting.items() if fired.issuperset(needs)]
        if not ready:
            break
        load = sorted(ready)[:shelf]
        loads.append(load)
        fired.update(load)
        for pot in load:
            del waiting[pot]
    return loads
