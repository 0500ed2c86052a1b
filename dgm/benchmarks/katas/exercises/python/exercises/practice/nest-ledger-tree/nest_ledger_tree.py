def sum_nests(trunk: tuple, strength: int) -> tuple[int, list[str]]:
    """Return what the trunk hands down and the paths of the broken branches, the trunk's included."""
    raise NotImplementedError
