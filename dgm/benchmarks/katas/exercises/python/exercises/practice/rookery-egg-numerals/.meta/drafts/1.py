DIGITS = "0123456"


def write_eggs(count: int) -> str:
    """The numeral for `count`, which may be negative."""
    places: list[str] = []
    rest = abs(count)
    while rest or not places:
        rest, digit = divmod(rest, 7)
        places.append(DIGITS[digit])
    return ("a" if count < 0 else "") + "".join(reversed(places))


def read_eggs(numeral: str) -> int:
    """The count that `numeral` stands for."""
    sign = -1 if numeral.startswith("a") else 1
    count = 0
    for digit in numeral.lstrip("abc"):
        count = 7 * count + DIGITS.index(digit)
    return sign * count
