def caption_lines(text: str, width: int, notch: int) -> list[str]:
    """The lines of the caption; at least one, though it may be empty. `width - notch` is at least 2."""
    lines = [""]
    words = text.split()
    while words:
        word = words.pop(0)
        if word == "|":
            if lines[-1]:
                lines.append("")
            continue
        room = width if len(lines) % 2 else width - notch
        line = lines[-1]
        start = line + " " if line else ""
        if line and len(start) + len(word) > room:
            lines.append(word)
        else:
            lines[-1] = start + word
    return lines
