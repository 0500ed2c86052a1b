def plan_crossings(
    trucks: list[tuple[str, int, int]], limit: int, closed: tuple[int, int]
) -> list[tuple[str, int]]:
    """Say when each truck drives onto the ice.

    A truck is (name, minute of arrival, weight in tonnes). The result has one (name, minute) for each
    truck that drives on, in the order of driving on.
    """
    raise NotImplementedError
