def sum_nests(trunk: tuple, strength: int) -> tuple[int, list[str]]:
    """Return what the trunk hands down and the paths of the broken branches, the trunk's included."""
    broken: list[str] = []
    return _handed_down(trunk, "", strength, broken), broken


def _handed_down(branch: tuple, stem: str, strength: int, broken: list[str]) -> int:
    name, nests, branches = branch
    path = stem + name
    carried = 0 if name.endswith("?") else nests
    place = len(broken)
    for grown in branches:
        carried += _handed_down(grown, path + "/", strength, broken)
    if carried > strength:
        broken.insert(place, path)
        return 0
    return carried
