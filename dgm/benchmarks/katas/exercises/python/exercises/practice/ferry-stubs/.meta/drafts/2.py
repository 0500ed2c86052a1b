def read_stub(stub: str) -> tuple[str, int]:
    """Return the port and the seat number of a ticket stub."""
    port, seat, mark = stub.split("-")
    total = sum(place * int(digit) for place, digit in enumerate(seat, start=1))
    if mark != str(total):
        raise ValueError(f"expected the check mark {total}, got {mark}")
    return port, int(seat)
