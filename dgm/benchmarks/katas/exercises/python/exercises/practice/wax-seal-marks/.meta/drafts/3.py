def seal_marks(houses: dict[str, tuple[list[str], dict[str, str]]], house: str) -> dict[str, str]:
    """The marks that `house` bears, with their colours.

    `houses` maps every house to its parent houses and its own marks.
    """
    line = [house]
    found: dict[str, str] = {}
    for entry in line:  # grows while it is read: nearest forebears first
        parents, marks = houses[entry]
        found = marks | found
        line += [parent.removeprefix("~") for parent in parents]

    seal: dict[str, str] = {}
    for mark, value in found.items():
        colour = found.get(value[1:], "none") if value.startswith("@") else value
        if colour != "none":
            seal[mark] = colour
    return seal
