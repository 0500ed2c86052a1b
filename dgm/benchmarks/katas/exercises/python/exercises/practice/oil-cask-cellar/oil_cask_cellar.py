class CellarShort(Exception):
    """More oil was wanted than can be drawn."""


class OilCellar:
    """A cellar of oil casks, empty at first."""

    def __init__(self) -> None:
        raise NotImplementedError

    def lay(self, cask: str, litres: int) -> None:
        """Lay down a cask with that many litres, at least 3, lees included."""
        raise NotImplementedError

    def draw(self, litres: int) -> list[tuple[str, int]]:
        """Draw that many litres; return what came from which cask, leaving out casks that gave nothing."""
        raise NotImplementedError

    def stock(self) -> list[tuple[str, int]]:
        """Return (cask, litres in it, lees included) from the oldest to the newest."""
        raise NotImplementedError
