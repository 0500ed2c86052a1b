def write_eggs(count: int) -> str:
    """The numeral for `count`, which may be negative."""
    raise NotImplementedError


def read_eggs(numeral: str) -> int:
    """The count that `numeral` stands for."""
    raise NotImplementedError
