Patch = tuple[int, int, int, int]


def plan_patches(net: list[str]) -> list[tuple[int, int, int, int]]:
    """Return the patches, sorted, as (first row, first column, last row, last column), counted from 0."""
    torn = {(r, c) for r, line in enumerate(net) for c, knot in enumerate(line) if knot == "."}
    patches: list[Patch] = []
    while torn:
        hole = [min(torn)]
        torn.remove(hole[0])
        for r, c in hole:
            near = {(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)} & torn
            torn -= near
            hole += near
        rows, columns = [r for r, _ in hole], [c for _, c in hole]
        patch = (min(rows) - 1, min(columns) - 1, max(rows) + 1, max(columns) + 1)
        if min(patch) < 0 or patch[2] == len(net) or patch[3] == len(net[0]):
            continue
        while shared := [other for other in patches if _share(patch, other)]:
            patches = [other for other in patches if other not in shared]
            tops, lefts, bottoms, rights = zip(patch, *shared)
            patch = (min(tops), min(lefts), max(bottoms), max(rights))
        patches.append(patch)
    return sorted(patches)


def _share(one: Patch, other: Patch) -> bool:
    rows = one[0] <= other[2] and other[0] <= one[2]
    return rows and one[1] <= other[3] and other[1] <= one[3]
