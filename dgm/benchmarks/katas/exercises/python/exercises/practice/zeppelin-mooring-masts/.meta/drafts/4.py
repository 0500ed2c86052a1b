Request = tuple[str, int, int, int]


def moor_zeppelins(requests: list[tuple[str, int, int, int]], masts: int) -> dict[str, int]:
    """The mast of every airship after all requests, 0 for one turned away."""
    stays: dict[int, list[Request]] = {mast: [] for mast in range(1, masts + 1)}
    given: dict[str, int] = {}

    def clashes(request: Request, mast: int) -> list[Request]:
        _, arrive, leave, _ = request
        return [stay for stay in stays[mast] if arrive <= stay[2] and stay[1] <= leave]

    def place(request: Request, mast: int) -> None:
        given[request[0]] = mast
        if mast:
            stays[mast].append(request)

    for request in requests:
        rank = request[3]
        open_to = [m for m in stays if all(stay[3] < rank for stay in clashes(request, m))]
        chosen = min(open_to, key=lambda m: len(clashes(request, m)), default=0)
        pushed = clashes(request, chosen) if chosen else []
        if chosen:
            stays[chosen] = [stay for stay in stays[chosen] if stay not in pushed]
        place(request, chosen)
        for other in pushed:
            place(other, next((m for m in stays if not clashes(other, m)), 0))
    return given
