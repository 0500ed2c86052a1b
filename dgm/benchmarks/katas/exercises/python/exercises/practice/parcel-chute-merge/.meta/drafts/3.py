from collections import deque
from collections.abc import Iterator


def merge_chutes(chutes: list[list[tuple[str, int]]], heavy: int, cart: int) -> Iterator[str]:
    """Yield the label of each dropped parcel, and "cart" whenever a loaded cart is sent off."""
    queues = [deque(chute) for chute in chutes]
    pausing: set[int] = set()
    dropped: set[str] = set()
    load = 0
    while any(queues):
        for place, queue in enumerate(queues):
            if place in pausing:
                pausing.remove(place)
                continue
            while queue and queue[0][0] in dropped:
                queue.popleft()
            if not queue:
                continue
            label, weight = queue.popleft()
            if load + weight > cart:
                yield "cart"
                load = 0
            yield label
            load += weight
            dropped.add(label)
            if weight > heavy:
                pausing.add(place)
