def seal_marks(houses: dict[str, tuple[list[str], dict[str, str]]], house: str) -> dict[str, str]:
    """The marks that `house` bears, with their colours.

    `houses` maps every house to its parent houses and its own marks.
    """
    line = [house]
    found: dict[str, str] = {}
    for entry in line:  # grows while it is read: nearest forebears first
        parents, marks = houses[entry.removeprefix("~")]
        found = marks | found
        if not entry.startswith("~"):
            line += parents

    def colour(mark: str, trail: frozenset[str]) -> str:
        value = found.get(mark, "none")
        if not value.startswith("@"):
            return value
        if mark in trail:
            return "none"
        return colour(value[1:], trail | {mark})

    seal = {mark: colour(mark, frozenset()) for mark in found}
    return {mark: value for mark, value in seal.items() if value != "none"}
