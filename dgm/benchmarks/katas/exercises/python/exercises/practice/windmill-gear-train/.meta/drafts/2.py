from fractions import Fraction


def wheel_speeds(
    wheels: dict[str, int], links: list[tuple[str, str, str]], driver: str, speed: int
) -> dict[str, Fraction]:
    """The exact speed of every wheel; `wheels` maps names to numbers of teeth, `speed` is not 0."""

    def carried(kind: str, source: str, target: str) -> Fraction:
        """The speed that `target` gets through a link from `source`."""
        if kind == "axle":
            return speeds[source]
        through = speeds[source] * wheels[source] / wheels[target]
        return -through if kind == "mesh" else through

    speeds = {driver: Fraction(speed)}
    ways = [(kind, *ends) for kind, a, b in links for ends in ((a, b), (b, a))]
    while True:
        way = next((w for w in ways if w[1] in speeds and w[2] not in speeds), None)
        if way is None:
            break
        speeds[way[2]] = carried(*way)
    return {wheel: speeds.get(wheel, Fraction(0)) for wheel in wheels}
