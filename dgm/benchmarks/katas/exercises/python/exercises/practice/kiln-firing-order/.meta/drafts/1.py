def plan_firings(pots: dict[str, list[str]], shelf: int) -> list[list[str]]:
    """Return the kiln loads in order, each as a list of pot names."""
    fired: list[str] = []
    progress = True
    while progress:
        progress = False
        for pot in sorted(pots):
            if pot not in fired and all(need in fired for need in pots[pot]):
                fired.append(pot)
                progress = True
    return [fired[first : first + shelf] for first in range(0, len(fired), shelf)]
