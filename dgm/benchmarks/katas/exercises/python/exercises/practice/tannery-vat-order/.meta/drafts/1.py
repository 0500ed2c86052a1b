def vat_order(hides: dict[str, tuple[str, int]], before: list[tuple[str, str]]) -> list[str]:
    """The names of all hides in the order of dyeing; `hides` maps a name to (dye, worth)."""
    needs: dict[str, set[str]] = {name: set() for name in hides}
    for first, second in before:
        needs.setdefault(second, set()).add(first)
    left = list(hides)
    order: list[str] = []
    while left:
        ready = [name for name in left if needs[name] <= set(order)]
        if not ready:
            break
        taken = max(ready, key=lambda name: (hides[name][1], name))
        left.remove(taken)
        order.append(taken)
    return order
