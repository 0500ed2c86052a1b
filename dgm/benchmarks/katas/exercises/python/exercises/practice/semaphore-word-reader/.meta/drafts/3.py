from collections.abc import Iterator

NUMERALS = str.maketrans("abcdefghij", "1234567890")


def semaphore_words(signs: str) -> Iterator[str]:
    """Yield the words of `signs`, which holds no other characters than those of the rules."""
    word = held = ""
    numerals = False
    for sign in signs:
        if sign == "#":
            numerals = not numerals
        elif sign == "+":
            word += word[-1:]
        elif sign == "<":
            word = word[:-1]
        elif sign in "?/":
            numerals = False
            if sign == "?" and not word:
                held = ""
            elif sign == "?":
                word = ""
            elif word:
                if held:
                    yield held
                word, held = "", word
        else:
            word += sign.translate(NUMERALS) if numerals else sign
    if held:
        yield held
