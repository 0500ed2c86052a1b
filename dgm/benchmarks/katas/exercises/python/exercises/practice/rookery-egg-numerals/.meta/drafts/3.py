DIGITS = "cba0123"


def write_eggs(count: int) -> str:
    """The numeral for `count`, which may be negative."""
    places: list[str] = []
    base = 7
    while count or not places:
        digit = (count + base // 2) % base - base // 2
        places.append(DIGITS[digit + 3])
        count = (count - digit) // base
        base = 12 - base
    return "".join(reversed(places))


def read_eggs(numeral: str) -> int:
    """The count that `numeral` stands for."""
    count, worth, base = 0, 1, 7
    for digit in reversed(numeral):
        count += worth * (DIGITS.index(digit) - 3)
        worth *= base
        base = 12 - base
    return count
