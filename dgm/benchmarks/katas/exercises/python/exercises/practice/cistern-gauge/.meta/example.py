class RainCistern:
    """A cistern for up to `capacity` litres of rain water; `level` is what it holds."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.level = 0

    def rain(self, litres: int) -> int:
        """Let rain in and return the litres that spill over."""
        spilled = max(0, self.level + litres - self.capacity)
        self.level += litres - spilled
        return spilled

    def draw(self, litres: int) -> int:
        """Take water out and return the litres taken."""
        taken = max(0, min(litres, self.level - 10))
        self.level -= taken
        return taken
