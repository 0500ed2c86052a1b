class NoUmbrellaError(Exception):
    """No umbrella stands ready."""


class BarredError(Exception):
    """The person may not borrow."""


class LoanDesk:
    """A desk with umbrellas numbered from 1, all ready at first."""

    def __init__(self, umbrellas: int) -> None:
        raise NotImplementedError

    def lend(self, person: str, day: int) -> int:
        """The number of the umbrella that the person now holds."""
        raise NotImplementedError

    def bring(self, person: str, day: int) -> int:
        """The fee for the loan that ends."""
        raise NotImplementedError

    def pay(self, person: str, amount: int) -> int:
        """What the person owes after paying."""
        raise NotImplementedError
