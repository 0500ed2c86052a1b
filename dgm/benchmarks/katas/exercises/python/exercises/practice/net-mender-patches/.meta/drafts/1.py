Patch = tuple[int, int, int, int]


def plan_patches(net: list[str]) -> list[tuple[int, int, int, int]]:
    """Return the patches, sorted, as (first row, first column, last row, last column), counted from 0."""
    torn = {(r, c) for r, line in enumerate(net) for c, knot in enumerate(line) if knot == "."}
    patches: list[Patch] = []
    while torn:
        hole = [min(torn)]
        torn.remove(hole[0])
        for r, c in hole:
            near = {(r + down, c + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & torn
            torn -= near
            hole += near
        rows, columns = [r for r, _ in hole], [c for _, c in hole]
        patch = (min(rows), min(columns), max(rows), max(columns))
        if shared := [other for other in patches if _share(patch, other)]:
            patches = [other for other in patches if other not in shared]
            tops, lefts, bottoms, rights = zip(patch, *shared)
            patch = (min(tops), min(lefts), max(bottoms), max(rights))
        patches.append(patch)
    return sorted(patches)


def _share(one: Patch, other: Patch) -> bool:
    rows = one[0] <= other[2] and other[0] <= one[2]
    return rows and one[1] <= other[3] and other[1] <= one[3]
