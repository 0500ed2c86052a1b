def caption_lines(text: str, width: int, notch: int) -> list[str]:
    """The lines of the caption; at least one, though it may be empty. `width - notch` is at least 2."""
    lines = [""]
    words = text.split()
    while words:
        word = words.pop(0)
        if word == "|":
            lines.append("")
            continue
        room = width if len(lines) % 2 else width - notch
        line = lines[-1]
        start = line + " " if line else ""
        free = max(0, room - len(start))
        cut = len(word) if len(word) <= free else word.rfind("-", 0, free) + 1
        if not cut and not line:
            cut = len(word)
        if cut:
            lines[-1] = start + word[:cut]
        if cut < len(word):
            words.insert(0, word[cut:])
            lines.append("")
    return lines
