class NoUmbrellaError(Exception):
    """No umbrella stands ready."""


class BarredError(Exception):
    """The person may not borrow."""


class LoanDesk:
    """A desk with umbrellas numbered from 1, all ready at first."""

    def __init__(self, umbrellas: int) -> None:
        self._dry_from: dict[int, int | None] = dict.fromkeys(range(1, umbrellas + 1))
        self._loans: dict[str, tuple[int, int]] = {}  # person -> (umbrella, day)
        self._owed: dict[str, int] = {}

    def lend(self, person: str, day: int) -> int:
        """The number of the umbrella that the person now holds."""
        if self._owed.get(person, 0) > 5:
            raise BarredError(person)
        for number, dry in self._dry_from.items():
            if dry is None or dry <= day:
                self._loans[person] = (number, day)
                del self._dry_from[number]
                return number
        raise NoUmbrellaError(f"no umbrella for {person}")

    def bring(self, person: str, day: int) -> int:
        """The fee for the loan that ends."""
        umbrella, since = self._loans.pop(person)
        self._dry_from[umbrella] = day
        fee = max(0, day - since - 3)
        self._owed[person] = self._owed.get(person, 0) + fee
        return fee

    def pay(self, person: str, amount: int) -> int:
        """What the person owes after paying."""
        self._owed[person] = max(0, self._owed.get(person, 0) - amount)
        return self._owed[person]
