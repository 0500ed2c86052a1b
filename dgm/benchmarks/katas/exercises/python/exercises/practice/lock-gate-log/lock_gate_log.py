class BargeLock:
    """A canal lock with room for `berths` barges."""

    def __init__(self, berths: int) -> None:
        raise NotImplementedError

    def turn(self, gate: str) -> bool:
        """Open or shut the gate "upper" or "lower"."""
        raise NotImplementedError

    def fill(self) -> bool:
        """Let water in until the chamber is filled."""
        raise NotImplementedError

    def drain(self) -> bool:
        """Let water out until the chamber is drained."""
        raise NotImplementedError

    def enter(self, barge: str, gate: str) -> bool:
        """Let a barge in by the gate."""
        raise NotImplementedError

    def leave(self) -> str | None:
        """Let the next barge out."""
        raise NotImplementedError

    def lockfuls(self) -> int:
        """Return how often the chamber was emptied."""
        raise NotImplementedError
