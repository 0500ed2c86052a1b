class SeedVault:
    """A vault of seed packets, each known by its name."""

    def __init__(self, trays: int) -> None:
        """An empty vault with at least one tray."""
        self._trays = trays
        self._packets: dict[str, tuple[int, int]] = {}  # name -> (withering day, life)

    def good(self, day: int) -> list[str]:
        """The names of the good packets."""
        self._packets = {name: packet for name, packet in self._packets.items() if packet[0] > day}
        return sorted(self._packets, key=lambda name: (self._packets[name][0], name))

    def deposit(self, name: str, day: int, life: int) -> str | None:
        """Put a packet in; the name of the packet put out for it, if any."""
        names = self.good(day)
        out = None
        if name not in names and len(names) == self._trays:
            out = names[0]
            del self._packets[out]
        self._packets[name] = (day + life, life)
        return out

    def regrow(self, name: str, day: int) -> int:
        """Sow the packet anew; the day on which it will wither."""
        self.good(day)
        life = self._packets[name][1]
        self._packets[name] = (day + life, life)
        return day + life
