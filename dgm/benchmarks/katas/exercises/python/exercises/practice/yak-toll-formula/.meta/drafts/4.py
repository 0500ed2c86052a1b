import re
from collections.abc import Callable

OPERATORS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "_": min,
    "^": max,
}


def yak_toll(formula: str, herd: dict[str, int]) -> int:
    """The value of `formula`, which is always well formed; apart from rule 3 spaces mean nothing."""
    tokens = re.findall(r" [-+*_^] |[-+*_^()']|[0-9]+|[a-z]+", formula)
    tokens.reverse()

    def value() -> int:
        token = tokens.pop()
        if token == "(":
            number = loose()
            tokens.pop()
        elif token.isdigit():
            number = int(token)
        else:
            number = herd.get(token, 0)
        while tokens and tokens[-1] == "'":
            tokens.pop()
            number = (number + 1) // 2
        return number

    def tight() -> int:
        number = value()
        while tokens and tokens[-1] in OPERATORS:
            number = OPERATORS[tokens.pop()](number, value())
        return number

    def loose() -> int:
        number = tight()
        while tokens and tokens[-1].strip() in OPERATORS:
            number = OPERATORS[tokens.pop().strip()](number, tight())
        return number

    return loose()
