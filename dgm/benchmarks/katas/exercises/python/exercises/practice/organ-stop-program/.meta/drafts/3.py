def sounding_stops(program: list[str]) -> list[str]:
    """Return the stops that sound after the program; no stop is drawn and nothing is coupled before it."""
    drawn: list[str] = []
    couplings: set[tuple[str, str]] = set()
    saved: dict[str, list[str]] = {}
    for line in program:
        match line.split():
            case ["pull", stop]:
                if stop not in drawn:
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
    sounding = drawn.copy()
    for stop in sounding:
        sounding += [other for first, other in couplings if first == stop and other not in sounding]
    return drawn + sorted(sounding[len(drawn) :])
