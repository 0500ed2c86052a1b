class CellarShort(Exception):
    """More oil was wanted than can be drawn."""


class OilCellar:
    """A cellar of oil casks, empty at first."""

    def __init__(self) -> None:
        self._casks: dict[str, int] = {}

    def lay(self, cask: str, litres: int) -> None:
        self._casks[cask] = self._casks.get(cask, 0) + litres

    def draw(self, litres: int) -> list[tuple[str, int]]:
        drawn = []
        for cask, held in self.stock():
            part = min(litres, held)
            if part == 0:
                break
            litres -= part
            drawn.append((cask, part))
            self._casks[cask] -= part
            if self._casks[cask] == 0:
                del self._casks[cask]
        if litres > 0:
            raise CellarShort(f"{litres} litres cannot be drawn")
        return drawn

    def stock(self) -> list[tuple[str, int]]:
        return list(self._casks.items())
