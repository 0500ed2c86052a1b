def read_stub(stub: str) -> tuple[str, int]:
    """Return the port and the seat number of a ticket stub."""
    port, seat, mark = stub.split("-")
    total = sum(int(digit) for digit in seat)
    if mark != str(total):
        raise ValueError(f"expected the check mark {total}, got {mark}")
    return port, int(seat)
