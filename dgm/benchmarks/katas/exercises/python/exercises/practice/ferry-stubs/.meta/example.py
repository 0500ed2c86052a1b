def read_stub(stub: str) -> tuple[str, int]:
    """Return the port and the seat number of a ticket stub."""
    port, seat, mark = stub.split("-")
    total = sum(place * int(digit) for place, digit in enumerate(seat, start=1))
    if mark != "*" and mark != str(total % 10):
        raise ValueError(f"expected the check mark {total % 10}, got {mark}")
    return port, int(seat)
