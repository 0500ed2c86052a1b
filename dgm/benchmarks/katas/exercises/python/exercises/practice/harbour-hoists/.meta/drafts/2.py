def hoist_flags(word: str) -> list[str]:
    """Return the hoists that signal a word, as strings."""
    return [word[start : start + 4] for start in range(0, len(word), 4)]
