def hoist_flags(word: str) -> list[str]:
    """Return the hoists that signal a word, as strings."""
    return [word]
