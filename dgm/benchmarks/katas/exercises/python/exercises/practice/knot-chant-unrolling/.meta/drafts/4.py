def unroll_chant(chant: str) -> list[str]:
    """Return the words of the chant in the order in which they are sung."""
    words: list[str] = []
    outer = []
    for part in chant.split():
        count, star, rest = part.rpartition("*")
        times = int(count) if star else 1
        if rest in ("(", "-("):
            outer.append((words, times, rest == "-("))
            words = []
        elif rest == ")":
            if not outer:
                raise ValueError("closing bracket without a partner")
            group = words
            words, times, backwards = outer.pop()
            words += (group[::-1] if backwards else group) * times
        elif rest == "^":
            words += words[-1:]
        else:
            words += [rest] * times
    while outer:
        group = words
        words, times, backwards = outer.pop()
        words += (group[::-1] if backwards else group) * times
    return words
