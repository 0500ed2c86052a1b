def seal_marks(houses: dict[str, tuple[list[str], dict[str, str]]], house: str) -> dict[str, str]:
    """The marks that `house` bears, with their colours.

    `houses` maps every house to its parent houses and its own marks.
    """
    raise NotImplementedError
