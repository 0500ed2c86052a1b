LEES = 2


class CellarShort(Exception):
    """More oil was wanted than can be drawn."""


class OilCellar:
    """A cellar of oil casks, empty at first."""

    def __init__(self) -> None:
        self._casks: dict[str, int] = {}

    def lay(self, cask: str, litres: int) -> None:
        self._casks[cask] = self._casks.pop(cask, 0) + litres

    def draw(self, litres: int) -> list[tuple[str, int]]:
        if litres > sum(held - LEES for held in self._casks.values()):
            raise CellarShort(f"{litres} litres cannot be drawn")
        drawn = []
        for cask, held in self.stock():
            part = min(litres, held - LEES)
            if part == 0:
                break
            litres -= part
            drawn.append((cask, part))
            self._casks[cask] -= part
            if self._casks[cask] == LEES:
                del self._casks[cask]
        return drawn

    def stock(self) -> list[tuple[str, int]]:
        return list(self._casks.items())
