from fractions import Fraction


def wheel_speeds(
    wheels: dict[str, int], links: list[tuple[str, str, str]], driver: str, speed: int
) -> dict[str, Fraction]:
    """The exact speed of every wheel; `wheels` maps names to numbers of teeth, `speed` is not 0."""
    raise NotImplementedError
