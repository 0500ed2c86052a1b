def lay_planks(notice: str, width: int) -> list[str]:
    """Return the planks of a notice, all `width` letters wide, which is at least 2."""
    planks = [""]
    for word in notice.split():
        if word == "|":
            planks.append("")
            continue
        if len(word) > width and planks[-1]:
            planks.append("")
        while len(word) > width:
            planks[-1] = word[: width - 1] + "-"
            planks.append("")
            word = word[width - 1 :]
        if not planks[-1]:
            planks[-1] = word
        elif len(planks[-1]) + 1 + len(word) <= width:
            planks[-1] += " " + word
        else:
            planks.append(word)
    return [_filled(plank, width) for plank in planks]


def _filled(plank: str, width: int) -> str:
    """The plank with dots on both sides."""
    return ("." * ((width - len(plank)) // 2) + plank).ljust(width, ".")
