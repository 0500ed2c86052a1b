def share_jars(jars: int, hours: dict[str, int]) -> dict[str, int]:
    """Return how many jars each helper gets; `hours` maps each helper's name to whole hours."""
    result = dict.fromkeys(hours, 0)
    total = sum(hours.values())
    if total == 0:
        return result
    for name in hours:
        result[name] = jars * hours[name] // total
    left = jars - sum(result.values())
    workers = [name for name in hours if hours[name] > 0]
    workers.sort(key=lambda name: (-(jars * hours[name] % total), name))
    for name in workers[:left]:
        result[name] += 1
    return result
