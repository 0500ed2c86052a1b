def read_stub(stub: str) -> tuple[str, int]:
    """Return the port and the seat number of a ticket stub."""
    raise NotImplementedError
