def vat_order(hides: dict[str, tuple[str, int]], before: list[tuple[str, str]]) -> list[str]:
    """The names of all hides in the order of dyeing; `hides` maps a name to (dye, worth)."""
    raise NotImplementedError
