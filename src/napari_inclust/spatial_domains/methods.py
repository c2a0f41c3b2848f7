"""Methods of the search: consensus, published network, smoothed PCA. Each yields progress and returns its result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..spatial.neighbors import FloatArray, Graph, IntArray, NeighbourIndices, averaging_matrix
from ..utils.communities import louvain_communities
from ..utils.progress import map_steps
from . import features
from .consensus import consensus_membership
from .edit import DomainSegmentation, match_domains
from .inputs import MIN_CELLS
from .result import SearchProgress

RESTARTS = 16  # mixtures of each view and scale
SCAN_RESTARTS = 2  # the same while the number of domains is searched
MAX_DOMAINS = 15  # largest number tried then
STABILITY_TOLERANCE = 0.02  # of numbers this close to the most stable one the largest is chosen
N_AGREEMENT_CELLS = 3000  # cells on which members are compared
BASELINE_COMPONENTS_NEIGHBOURS = (30, 30)  # components, nearest cells
MAX_GRAPH_CELLS, GRAPH_NEIGHBOURS = 5000, 15  # of the graph whose communities are counted at a resolution
MIN_COMMUNITY_SHARE = 0.01  # of the cells; a smaller community is no domain


@dataclass(frozen=True, eq=False)
class SearchInputs:
    """Inputs common to the methods; `progress_range` is their part of the progress, in percent."""

    neighbours: NeighbourIndices
    views: dict[str, NDArray[np.float32]]
    sections: IntArray
    landmarks: IntArray
    seed: int
    restarts: int
    graph: Graph | None
    xy: FloatArray
    progress_range: tuple[float, float]
    resolution: float | None = None

    def resolve_n_domains(self, n_domains: list[int] | None, table: NDArray[np.float32]) -> list[int] | None:
        """Return the given numbers of domains, or the one at the resolution where that is given."""
        return n_domains if self.resolution is None else [count_communities(table, self.resolution, self.seed)]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Segmentations and their stability by number of domains, and the space (cells, directions) to split them in."""

    solutions: dict[int, DomainSegmentation]
    stability: dict[int, float]
    chosen: int
    space: NDArray[np.float32]
    scale: float = float("nan")


def count_communities(table: NDArray[np.float32], resolution: float, seed: int) -> int:
    """Count the communities of cells with similar neighbourhoods: the number of domains at a resolution, at least 1.

    Communities are Louvain's, of the graph of the 15 most similar of at most 5,000 cells; those with fewer than 1 % of
    the cells are not counted.

    Parameters
    ----------
    table : (cells, directions)
        Features of the neighbourhoods.
    resolution
        Of the modularity; a higher one gives more domains.
    seed
        Of the draw of cells and of the communities.

    Raises
    ------
    ConfigError
        A resolution that is not above 0.
    """
    if not resolution > 0:
        raise ConfigError(
            f"a resolution of {resolution} finds nothing; give a number above 0, from about 0.1 (coarse) to 1 (fine)."
        )
    n_cells = min(len(table), MAX_GRAPH_CELLS)
    rows = np.random.default_rng(seed).choice(len(table), n_cells, replace=False)
    sizes = np.bincount(louvain_communities(table[rows], GRAPH_NEIGHBOURS, seed, resolution))
    return max(1, int((sizes >= MIN_COMMUNITY_SHARE * n_cells).sum()))


def find_by_consensus(
    inputs: SearchInputs, n_domains: list[int] | None, rng: np.random.Generator
) -> Generator[SearchProgress, None, SearchResult]:
    """Search by the consensus of mixtures of all views and scales."""
    low, high = inputs.progress_range
    middle = low + 0.3 * (high - low)
    if inputs.graph is None:
        near, scale, scales = features.neighbourhood_scales(inputs.xy, inputs.views, inputs.sections, inputs.neighbours)
    else:
        near, scale, scales = features.graph_neighbourhood_scales(inputs.xy, inputs.sections, inputs.graph)
    tables: dict[tuple[str, int], NDArray[np.float32]] = {}
    for name, p in inputs.views.items():
        for m in scales:
            yield SearchProgress.in_range(
                (low, middle), len(tables) / (len(inputs.views) * len(scales)), "neighbourhoods"
            )
            tables[name, m] = features.domain_features(p, near, m)
    space = tables["z50", scales[len(scales) // 2]]
    n_domains = inputs.resolve_n_domains(n_domains, space)
    result = yield from _consensus_solutions(
        list(tables.values()),
        n_domains,
        replace(inputs, progress_range=(middle, high)),
        rng,
        averaging_matrix(near, round(scale)),
    )
    return replace(result, space=space, scale=scale)


def find_by_smoothed_pca(
    inputs: SearchInputs, n_domains: list[int] | None, rng: np.random.Generator
) -> Generator[SearchProgress, None, SearchResult]:
    """Search by one mixture of components averaged over the nearest cells: the baseline."""
    d, m = BASELINE_COMPONENTS_NEIGHBOURS
    near = inputs.neighbours
    if inputs.graph is not None:
        near, scale, _ = features.graph_neighbourhood_scales(inputs.xy, inputs.sections, inputs.graph)
        m = round(scale)
    table = averaging_matrix(near, m) @ inputs.views["z"][:, :d]
    return (
        yield from _consensus_solutions(
            [table], inputs.resolve_n_domains(n_domains, table), replace(inputs, restarts=1), rng, None
        )
    )


def _consensus_solutions(
    feature_tables: list[NDArray[np.float32]],
    n_domains: list[int] | None,
    inputs: SearchInputs,
    rng: np.random.Generator,
    averaging_matrix: Any,
) -> Generator[SearchProgress, None, SearchResult]:
    """Compute a solution for each number of domains.

    Without numbers: for 2 to 15 with few restarts; the most stable is chosen and computed again with all restarts.
    """
    n = len(feature_tables[0])
    scan_restarts = max(SCAN_RESTARTS, -(-10 // len(feature_tables)))  # at least 10 members, to estimate stability
    rounds = (
        [(k, inputs.restarts) for k in n_domains]
        if n_domains
        else [(k, scan_restarts) for k in range(2, min(MAX_DOMAINS, n // MIN_CELLS + 1) + 1)]
    )
    solutions: dict[int, DomainSegmentation] = {}
    stability: dict[int, float] = {}
    total = sum(r for _, r in rounds) * len(feature_tables) + (
        0 if n_domains else inputs.restarts * len(feature_tables)
    )
    done, chosen = 0, 0

    def progress_of(k: int, done: int, n_members: int) -> Callable[[float], SearchProgress]:
        return lambda fraction: SearchProgress.in_range(
            inputs.progress_range, (done + n_members * fraction) / total, f"{k} domains"
        )

    while rounds:
        k, restarts = rounds.pop(0)
        if k == 1:
            solutions[1], stability[1] = (
                DomainSegmentation.from_labels(np.zeros(n, dtype=np.intp), np.ones(n, dtype=np.float32)),
                1.0,
            )
        else:
            mean, agreement = yield from map_steps(
                consensus_membership(feature_tables, k, restarts, rng, inputs.landmarks, N_AGREEMENT_CELLS),
                progress_of(k, done, restarts * len(feature_tables)),
            )
            stability.setdefault(k, agreement)
            solutions[k] = _segmentation_from_membership(mean, averaging_matrix)
        done += restarts * len(feature_tables)
        if not rounds and not chosen:
            chosen = (
                n_domains[0]
                if n_domains
                else max(k for k in stability if stability[k] >= max(stability.values()) - STABILITY_TOLERANCE)
            )
            if not n_domains and inputs.restarts > scan_restarts:
                rounds = [(chosen, inputs.restarts)]
    return SearchResult(_match_consecutive(solutions), stability, chosen, feature_tables[0])


def _segmentation_from_membership(membership: NDArray[np.float32], averaging_matrix: Any) -> DomainSegmentation:
    """Assign each cell to the largest mean membership of its neighbourhood; a domain without cells keeps its own."""
    shares = membership if averaging_matrix is None else averaging_matrix @ membership
    labels, own_labels = shares.argmax(1), membership.argmax(1)
    is_lost = np.isin(own_labels, np.setdiff1d(own_labels, labels))
    labels[is_lost] = own_labels[is_lost]
    return DomainSegmentation.from_labels(labels, shares[np.arange(len(labels)), labels])


def find_by_published_network(
    inputs: SearchInputs, n_domains: list[int] | None, x: Any
) -> Generator[SearchProgress, None, SearchResult]:
    """Search by the published network; its outputs are merged to the given numbers."""
    from . import published as net

    graph = inputs.graph or Graph("knn", net.NEIGHBOURS)
    p = features.principal_components(x, net.COMPONENTS, inputs.sections)
    training = net.train_network(p, net.neighbour_mean(p, inputs.xy, inputs.sections, graph), inputs.seed)
    z, q = yield from map_steps(
        training, lambda epoch: SearchProgress.in_range(inputs.progress_range, epoch[0] / epoch[1], "training")
    )
    used = len(np.unique(q.argmax(1)))
    solutions = {k: net.merge_clusters(z, q, k) for k in sorted(set(n_domains or [used]))}
    return SearchResult(
        _match_consecutive(solutions), dict.fromkeys(solutions, float("nan")), n_domains[0] if n_domains else used, z
    )


def _match_consecutive(solutions: dict[int, DomainSegmentation]) -> dict[int, DomainSegmentation]:
    """Order solutions by number of domains, each with the colours of the previous one; the first is ordered by size."""
    out: dict[int, DomainSegmentation] = {}
    previous: DomainSegmentation | None = None
    for k in sorted(solutions):
        seg = solutions[k]
        if previous is None:
            rank = np.argsort(np.argsort(-seg.sizes, kind="stable"), kind="stable")
            seg = replace(seg, labels=rank[seg.labels].astype(np.intp))
        else:
            seg = match_domains(seg, previous)
        out[k] = previous = seg
    return out
