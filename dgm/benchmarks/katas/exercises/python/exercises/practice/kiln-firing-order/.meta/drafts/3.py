def plan_firings(pots: dict[str, list[str]], shelf: int) -> list[list[str]]:
    """Return the kiln loads in order, each as a list of pot names."""
    waiting = dict(pots)
    loads = []
    fired: set[str] = set()
    while waiting:
        ready = [pot for pot, needs in waiting.items() if fired.issuperset(needs)]
        if not ready:
            break
        demand = {pot: sum(pot in needs for needs in waiting.values()) for pot in ready}
        load = sorted(ready, key=lambda pot: (-demand[pot], pot))[:shelf]
        loads.append(load)
        fired.update(load)
        for pot in load:
            del waiting[pot]
    return loads
