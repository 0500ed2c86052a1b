def hoist_flags(word: str) -> list[str]:
    """Return the hoists that signal a word, as strings."""
    flags = ""
    for position, letter in enumerate(word):
        first = word.index(letter)
        flags += letter if first == position else str(first + 1)
    return [flags[start : start + 4] for start in range(0, len(flags), 4)]
