def unroll_chant(chant: str) -> list[str]:
    """Return the words of the chant in the order in which they are sung.

    A closing bracket is a part of its own; the words consist of letters only.
    """
    raise NotImplementedError
