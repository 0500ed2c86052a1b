def plan_firings(pots: dict[str, list[str]], shelf: int) -> list[list[str]]:
    """Return the kiln loads in order, each as a list of pot names.

    `pots` maps every pot to the pots that it waits for. `shelf` is at least 1.
    """
    raise NotImplementedError
