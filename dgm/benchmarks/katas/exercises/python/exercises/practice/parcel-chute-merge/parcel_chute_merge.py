from collections.abc import Iterator


def merge_chutes(chutes: list[list[tuple[str, int]]], heavy: int, cart: int) -> Iterator[str]:
    """Yield the label of each dropped parcel, and "cart" whenever a loaded cart is sent off.

    A parcel is (label, kilograms), with at least 1 kilogram.
    """
    raise NotImplementedError
