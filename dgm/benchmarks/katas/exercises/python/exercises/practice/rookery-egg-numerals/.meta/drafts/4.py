import re

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
    plain = "".join(reversed(places))
    return re.sub(r"(.)\1{2,}", lambda run: f"{run[1]}[{len(run[0])}]", plain)


def read_eggs(numeral: str) -> int:
    """The count that `numeral` stands for."""
    plain = re.sub(r"(.)\[([0-9]+)\]", lambda run: run[1] * int(run[2]), numeral)
    count, worth, base = 0, 1, 7
    for digit in reversed(plain):
        count += worth * (DIGITS.index(digit) - 3)
        worth *= base
        base = 12 - base
    return count
