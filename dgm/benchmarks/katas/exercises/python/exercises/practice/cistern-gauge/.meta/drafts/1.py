class RainCistern:
    """A cistern for up to `capacity` litres of rain water; `level` is what it holds."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.level = 0

    def rain(self, litres: int) -> int:
        """Let rain in and return the litres that spill over."""
        self.level += litres
        return 0

    def draw(self, litres: int) -> int:
        """Take water out and return the litres taken."""
        self.level -= litres
        return litres
