def vat_order(hides: dict[str, tuple[str, int]], before: list[tuple[str, str]]) -> list[str]:
    """The names of all hides in the order of dyeing; `hides` maps a name to (dye, worth)."""
    needs: dict[str, set[str]] = {name: set() for name in hides}
    for first, second in before:
        needs.setdefault(second, set()).add(first)
    left = list(hides)
    order: list[str] = []
    last = None
    while left:
        ready = [name for name in left if needs[name] <= set(order)]
        if not ready:
            break

        def rank(name: str, last: str | None = last) -> tuple[bool, int, str]:
            dye, worth = hides[name]
            return dye == last, -worth, name

        taken = min(ready, key=rank)
        left.remove(taken)
        order.append(taken)
        last = hides[taken][0]
    return order
