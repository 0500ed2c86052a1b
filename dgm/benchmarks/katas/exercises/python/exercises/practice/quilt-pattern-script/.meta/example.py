import re

ITEM = re.compile(r"(~?)([0-9]*)([a-zA-Z(=])")


def stitch_pattern(script: str) -> str:
    """The row of patches that `script` describes; an empty script gives an empty row."""
    row, end = _row(script, 0)
    if end < len(script):
        raise ValueError(f"unexpected bracket at {end}")
    return row


def _row(script: str, at: int) -> tuple[str, int]:
    """The patches from `at` up to the closing bracket or the end, and where that is."""
    pieces: list[str] = []
    while at < len(script) and script[at] != ")":
        item = ITEM.match(script, at)
        if item is None:
            raise ValueError(f"no item at {at}")
        turn, number, sign = item.groups()
        at = item.end()
        if sign == "(":
            piece, at = _row(script, at)
            if at == len(script):
                raise ValueError("a bracket is never closed")
            at += 1
        elif sign == "=":
            if not pieces:
                raise ValueError("nothing to repeat")
            piece = pieces[-1]
        else:
            piece = sign
        if turn:
            piece = piece[::-1].swapcase()
        pieces.append(piece * int(number or 1))
    return "".join(pieces), at
