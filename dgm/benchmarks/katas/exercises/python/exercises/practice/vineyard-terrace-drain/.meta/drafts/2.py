from fractions import Fraction


def drain_terraces(
    heights: list[list[int | None]], rain: int, soak: int
) -> list[list[Fraction | None]]:
    """The water that stays on each plot, in rows of equal length like `heights`."""
    plots = {(r, c): h or 0 for r, row in enumerate(heights) for c, h in enumerate(row)}
    water = dict.fromkeys(plots, Fraction(rain))
    for r, c in sorted(plots, key=lambda plot: -plots[plot]):
        spill = water[r, c] - soak
        if spill <= 0:
            continue
        around = [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
        lower = [plot for plot in around if plot in plots and plots[plot] < plots[r, c]]
        lowest = [plot for plot in lower if plots[plot] == min(plots[p] for p in lower)]
        for plot in lowest:
            water[plot] += spill / len(lowest)
        water[r, c] = Fraction(soak)
    return [[water.get((r, c)) for c in range(len(row))] for r, row in enumerate(heights)]
