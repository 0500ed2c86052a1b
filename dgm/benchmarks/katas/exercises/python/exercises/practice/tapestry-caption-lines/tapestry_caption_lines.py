def caption_lines(text: str, width: int, notch: int) -> list[str]:
    """The lines of the caption; at least one, though it may be empty. `width - notch` is at least 2."""
    raise NotImplementedError
