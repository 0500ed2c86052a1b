def seal_marks(houses: dict[str, tuple[list[str], dict[str, str]]], house: str) -> dict[str, str]:
    """The marks that `house` bears, with their colours.

    `houses` maps every house to its parent houses and its own marks.
    """
    parents, marks = houses[house]
    found = dict(marks)
    for parent in parents:
        found = seal_marks(houses, parent.removeprefix("~")) | found
    seal: dict[str, str] = {}
    for mark, value in found.items():
        colour = found.get(value[1:], "none") if value.startswith("@") else value
        seal[mark] = colour
    return seal
