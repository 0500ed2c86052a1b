def sounding_stops(program: list[str]) -> list[str]:
    """Return the stops that sound after the program; no stop is drawn and nothing is coupled before it."""
    drawn: list[str] = []
    couplings: set[tuple[str, str]] = set()
    saved: dict[str, list[str]] = {}
    for line in program:
        match line.split():
            case ["pull", stop]:
                drawn.append(stop)
            case ["push", stop]:
                if stop in drawn:
                    drawn.remove(stop)
            case ["couple", stop, other]:
                couplings.add((stop, other))
            case ["save", number]:
                saved[number] = drawn
            case ["recall", number]:
                drawn = saved.get(number, drawn)
            case ["cancel"]:
                drawn = []
    coupled = {other for first, other in couplings if first in drawn}
    return drawn + sorted(coupled - set(drawn))
