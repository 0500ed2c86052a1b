def lay_planks(notice: str, width: int) -> list[str]:
    """Return the planks of a notice, all `width` letters wide, which is at least 2.

    The first plank is there from the start, so even an empty notice has one.
    """
    raise NotImplementedError
