import re

WORTH = {"b": 28, "g": 4, "w": 1}


def add_tallies(first: str, second: str) -> str:
    """Return the tally of the sum of two tallies."""
    total = _worth(first) + _worth(second)
    tally = "-" if total < 0 else ""
    rest = abs(total)
    for pebble, worth in WORTH.items():
        count, rest = divmod(rest, worth)
        if count > 0:
            tally += pebble if count == 1 else f"{count}{pebble}"
    return tally


def _worth(tally: str) -> int:
    parts = re.findall("([0-9]*)([bgw])", tally)
    worth = sum(int(count or 1) * WORTH[pebble] for count, pebble in parts)
    return -worth if tally.startswith("-") else worth
