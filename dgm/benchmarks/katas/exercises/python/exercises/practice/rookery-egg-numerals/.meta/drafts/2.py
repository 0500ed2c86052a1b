DIGITS = "0123456"


def write_eggs(count: int) -> str:
    """The numeral for `count`, which may be negative."""
    places: list[str] = []
    rest, base = abs(count), 7
    while rest or not places:
        rest, digit = divmod(rest, base)
        places.append(DIGITS[digit])
        base = 12 - base
    return ("a" if count < 0 else "") + "".join(reversed(places))


def read_eggs(numeral: str) -> int:
    """The count that `numeral` stands for."""
    sign = -1 if numeral.startswith("a") else 1
    count, worth, base = 0, 1, 7
    for digit in reversed(numeral.lstrip("abc")):
        count += worth * DIGITS.index(digit)
        worth *= base
        base = 12 - base
    return sign * count
