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
    for kind, source, target in links:
        if source in speeds:
            speeds[target] = carried(kind, source, target)
    return {wheel: speeds.get(wheel, Fraction(0)) for wheel in wheels}
