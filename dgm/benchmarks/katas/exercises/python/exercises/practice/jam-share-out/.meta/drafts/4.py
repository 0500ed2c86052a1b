def share_jars(jars: int, hours: dict[str, int]) -> dict[str, int]:
    """Return how many jars each helper gets; `hours` maps each helper's name to whole hours."""
    workers = [name for name in hours if hours[name] > 0]
    result = dict.fromkeys(hours, 0)
    if not workers:
        return result
    rest = max(0, jars - len(workers))
    total = sum(hours.values())
    for name in workers:
        result[name] = 1 + rest * hours[name] // total
    left = jars - sum(result.values())
    workers.sort(key=lambda name: (-(rest * hours[name] % total), -hours[name], name))
    for name in workers[:left]:
        result[name] += 1
    return result
