def sounding_stops(program: list[str]) -> list[str]:
    """Return the stops that sound after the program; no stop is drawn and nothing is coupled before it."""
    raise NotImplementedError
