def yak_toll(formula: str, herd: dict[str, int]) -> int:
    """The value of `formula`, which is always well formed; apart from rule 3 spaces mean nothing."""
    raise NotImplementedError
