class BargeLock:
    """A canal lock with room for `berths` barges."""

    def __init__(self, berths: int) -> None:
        self._berths = berths
        self._level = "lower"
        self._open = False
        self._barges: list[tuple[str, str]] = []
        self._lockfuls = 0

    def turn(self, gate: str) -> bool:
        if self._open:
            self._open = gate != self._level
            return not self._open
        self._level = gate
        self._open = True
        return True

    def fill(self) -> bool:
        if not self._open:
            self._level = "upper"
        return not self._open

    def drain(self) -> bool:
        if not self._open:
            self._lockfuls += 1
            self._level = "lower"
        return not self._open

    def enter(self, barge: str, gate: str) -> bool:
        welcome = self._open and gate == self._level and len(self._barges) <= self._berths
        if welcome:
            self._barges.append((barge, gate))
        return welcome

    def leave(self) -> str | None:
        if not self._open or not self._barges or self._barges[0][1] == self._level:
            return None
        return self._barges.pop(0)[0]

    def lockfuls(self) -> int:
        return self._lockfuls
