from collections.abc import Iterator


def semaphore_words(signs: str) -> Iterator[str]:
    """Yield the words of `signs`, which holds no other characters than those of the rules."""
    raise NotImplementedError
