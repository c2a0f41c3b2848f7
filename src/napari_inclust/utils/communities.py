"""Communities of the graph of nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def louvain_communities(
    points: NDArray[np.floating[Any]], n_neighbours: int, seed: int, resolution: float = 1.0
) -> NDArray[np.intp]:
    """Cluster points (cells, dimensions) by Louvain's method [1]_: (cells,) codes, numbered by first member.

    Parameters
    ----------
    points : (cells, dimensions)
    n_neighbours
        Edges join each point with its nearest; fewer where there are not so many points.
    seed
        Of the order in which nodes are visited.
    resolution
        Of the modularity; a higher one gives more, smaller communities.

    References
    ----------
    .. [1] Blondel et al., J Stat Mech 2008, P10008.
    """
    import networkx as nx  # type: ignore[import-untyped]
    from sklearn.neighbors import kneighbors_graph

    edges = kneighbors_graph(points, min(n_neighbours, len(points) - 1))
    graph = nx.from_scipy_sparse_array(edges.maximum(edges.T))
    codes = np.empty(len(points), dtype=np.intp)
    communities = nx.community.louvain_communities(graph, resolution=resolution, seed=seed)
    for code, members in enumerate(sorted(communities, key=min)):
        codes[list(members)] = code
    return codes
