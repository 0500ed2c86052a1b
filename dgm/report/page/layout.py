"""Where each agent of a tree stands: Reingold-Tilford's tidy layout (1981), by igraph."""

from __future__ import annotations

from collections.abc import Sequence

import igraph


def tidy(parents: Sequence[int]) -> tuple[list[float], list[int]]:
    """For agents in the order in which they were made, `parents` being places and -1 for a seed: how far to the right
    and how many levels down each stands. The closest on a level are 1 apart, the leftmost is at 0."""
    edges = [(parent, child) for child, parent in enumerate(parents) if parent >= 0]
    seeds = [place for place, parent in enumerate(parents) if parent < 0]
    graph = igraph.Graph(n=len(parents), edges=edges, directed=True)
    places = graph.layout_reingold_tilford(mode="out", root=seeds).coords
    left = min((x for x, _ in places), default=0.0)
    return [round(x - left, 3) for x, _ in places], [round(y) for _, y in places]
