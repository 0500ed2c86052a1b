from fractions import Fraction


def drain_terraces(
    heights: list[list[int | None]], rain: int, soak: int
) -> list[list[Fraction | None]]:
    """The water that stays on each plot, in rows of equal length like `heights`."""
    raise NotImplementedError
