class SeedVault:
    """A vault of seed packets, each known by its name."""

    def __init__(self, trays: int) -> None:
        """An empty vault with at least one tray."""
        raise NotImplementedError

    def good(self, day: int) -> list[str]:
        """The names of the good packets."""
        raise NotImplementedError

    def deposit(self, name: str, day: int, life: int) -> str | None:
        """Put a packet in; the name of the packet put out for it, if any."""
        raise NotImplementedError

    def regrow(self, name: str, day: int) -> int:
        """Sow the packet anew; the day on which it will wither."""
        raise NotImplementedError
