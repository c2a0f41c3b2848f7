"""A number of domains from a resolution: communities of the graph of cells whose neighbourhoods are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError

MAX_CELLS = 5000  # cells in the graph
NEIGHBOURS = 15
MIN_COMMUNITY_SHARE = 0.01  # of the cells; a community below is no domain


def count_communities(features: NDArray[np.float32], resolution: float, seed: int) -> int:
    """How many communities Louvain's method (Blondel et al., J Stat Mech 2008, P10008) finds, at least one; those with under 1 % of the cells do not count.

    Parameters
    ----------
    table : (cells, directions)
        Neighbourhoods; the graph joins the 15 most alike, of at most 5,000 cells.
    resolution
        Of the modularity: more is finer.

    Raises
    ------
    ConfigError
        A resolution that is not above 0.
    """
    import networkx as nx  # type: ignore[import-untyped]
    from sklearn.neighbors import kneighbors_graph

    if not resolution > 0:
        raise ConfigError(
            f"a resolution of {resolution} finds nothing; give a number above 0, from about 0.1 (coarse) to 1 (fine)."
        )
    at = np.random.default_rng(seed).choice(len(features), min(len(features), MAX_CELLS), replace=False)
    edges = kneighbors_graph(features[at], min(NEIGHBOURS, len(at) - 1))
    found = nx.community.louvain_communities(
        nx.from_scipy_sparse_array(edges.maximum(edges.T)), resolution=resolution, seed=seed
    )
    return max(1, sum(len(c) >= MIN_COMMUNITY_SHARE * len(at) for c in found))
