def hoist_flags(word: str) -> list[str]:
    """Return the hoists that signal a word, as strings."""
    hoists = []
    for start in range(0, len(word), 4):
        letters = word[start : start + 4]
        flags = ""
        for position, letter in enumerate(letters):
            first = letters.index(letter)
            flags += letter if first == position else str(first + 1)
        hoists.append(flags)
    return hoists
