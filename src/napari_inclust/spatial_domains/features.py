"""Features for domains: views of the cells, and in each the directions in which neighbourhoods differ beyond noise.

The directions are minimum noise fractions (Green et al., IEEE TGRS 1988, 26:65): the noise of a cell is its difference
from the mean of its neighbourhood.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data.normalize import column_mean_and_sd, lognormalise
from ..data.panel import control_probes
from ..data.section import Section
from ..errors import ConfigError, DataError
from ..spatial.neighbors import (
    Graph,
    IntArray,
    NeighbourIndices,
    averaging_matrix,
    graph_nearest,
    nearest_neighbours,
    spatial_graph,
)
from ..utils.pca import grouped_pca_scores

Matrix = NDArray[np.float32]

MAX_GENES = 5000  # the most variable ones
N_COMPONENTS = (30, 50)  # of log values and of z-scores
MIN_SNR = 4.0  # variance of a direction over that of its noise
RELATIVE_SCALES = (1.5, 2.0, 3.0)  # neighbourhood sizes, in units of the one that best predicts a cell
NEIGHBOURHOOD_SIZES = (6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80, 100)  # candidates for that one, in cells
BILATERAL_REACH = 4  # size of the edge-preserving mean over that of the neighbourhood
MAX_LANDMARKS = 10_000  # cells on which mixtures and states are fitted
CODEBOOK_SIZES = (20, 40, 60)  # numbers of cell states
MAX_STATE_COMPONENTS = 40
MIN_SECTION_CELLS = 50  # smaller sections are scaled together with the first large one
_CELLS_PER_COMPONENT = 10
_CELL_CHUNK = 4096


def normalised_expression(section: Section) -> sp.csr_matrix:
    """Log-normalise the section's informative genes: (cells, genes) CSR.

    Control probes, constant genes and genes detected in fewer than three cells are left out.

    Raises
    ------
    DataError
        Every gene is constant, or the section holds predictions only.
    """
    if section.predicted is not None and not section.genes:
        raise DataError(
            f"{section.name} holds no measured genes, only predictions of a run ({section.predicted.summary}): find "
            "domains in what was measured."
        )
    controls = set(control_probes(section.genes))
    columns = [i for i, gene in enumerate(section.genes) if gene not in controls]
    x = lognormalise(section.matrix[:, columns], section.values.kind)
    mean, sd = column_mean_and_sd(x)
    genes = np.flatnonzero((sd > 1e-4 * mean) & (x.getnnz(0) >= min(3, x.shape[0])))
    if not len(genes):
        raise DataError(f"no gene of {section.name} differs between its cells: nothing separates domains.")
    genes = np.sort(genes[np.argsort(-sd[genes], kind="stable")[:MAX_GENES]])
    return x[:, genes].tocsr()


def cell_views(x: sp.csr_matrix, sections: IntArray) -> dict[str, Matrix]:
    """Compute five views of the cells, each (cells, d) by name.

    30 and 50 principal components of log values ("log", "log50") and of z-scores ("z", "z50"), and membership in cell
    states ("states").
    """
    few, many = N_COMPONENTS
    log, z = principal_components(x, many, sections), principal_components(x, many, sections, scaled=True)
    return {"log": log[:, :few], "log50": log, "z": z[:, :few], "z50": z, "states": cell_state_membership(z[:, :few])}


def principal_components(x: sp.csr_matrix, n_components: int, sections: IntArray, *, scaled: bool = False) -> Matrix:
    """Principal components (cells, d) of log-normalised expression (cells, genes), genes centred in each section.

    Sections of fewer than 50 cells are centred with the first large one.

    Parameters
    ----------
    x : (cells, genes) CSR
    n_components
        Upper limit; at most one for every 10 cells.
    sections : (cells,) int
    scaled
        Scale genes to unit variance in each section too, after clipping them at 10 standard deviations.
    """
    group = _scaling_groups(sections)
    mean, sd = _group_means_and_sds(x, group)
    if scaled:
        x = x.copy()
        rows = np.repeat(group, np.diff(x.indptr))
        x.data = np.minimum(x.data, (mean + 10 * sd).astype(np.float32)[rows, x.indices])
        mean, sd = _group_means_and_sds(x, group)
        weight = (1 / np.maximum(sd, 1e-3 if len(mean) > 1 else 1e-6)).astype(np.float32)
        x.data *= weight[rows, x.indices]
        mean = mean * weight
    n_components = max(1, min(n_components, x.shape[0] // _CELLS_PER_COMPONENT, x.shape[1] - 1))
    return grouped_pca_scores(x, group, mean, n_components)


def cell_state_membership(p: Matrix) -> Matrix:
    """Compute the soft membership of cells in fine states, as at most 40 principal components (cells, d).

    States are k-means clusters of the components `p` (cells, d), in codebooks of 20, 40 and 60.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    rng, n = np.random.default_rng(0), len(p)
    at = rng.choice(n, min(n, MAX_LANDMARKS), replace=False)
    books = []
    for k in CODEBOOK_SIZES:
        k = min(k, max(2, n // 20))
        means = KMeans(k, n_init=1, max_iter=50, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct cells than states
            means.fit(p[at])
        distance = (means.transform(p) ** 2).astype(np.float32)
        low = distance.min(1, keepdims=True)
        member = np.exp(-(distance - low) * p.shape[1] / (2 * low.mean() + 1e-9))
        books.append(member / member.sum(1, keepdims=True))
    q = np.hstack(books).astype(np.float32)
    q -= q.mean(0)
    value, vector = np.linalg.eigh(q.T @ q)
    n_components = max(1, min(MAX_STATE_COMPONENTS, int((value > 1e-6 * value[-1]).sum())))
    out: Matrix = q @ vector[:, ::-1][:, :n_components]
    return out


def best_neighbourhood_size(p: Matrix, neighbours: NeighbourIndices) -> float:
    """Return the number of neighbours whose mean, without the cell itself, best predicts the cell.

    The minimum over the candidates, refined by a parabola in the logarithm.
    """
    grid = [m for m in NEIGHBOURHOOD_SIZES if m < neighbours.shape[1]]
    if not grid:
        return float(neighbours.shape[1])
    m = min(20, neighbours.shape[1])
    white = whiten_noise(p, neighbours, m)
    y = white @ signal_directions(averaging_matrix(neighbours, m) @ white, m)
    error = [
        float(((y - (averaging_matrix(neighbours, g + 1) @ y * (g + 1) - y) / g) ** 2).sum(1).mean()) for g in grid
    ]
    best = int(np.argmin(error))
    if 0 < best < len(grid) - 1:
        a, b, _ = np.polyfit(np.log(grid[best - 1 : best + 2]), error[best - 1 : best + 2], 2)
        if a > 0:
            return float(np.exp(-b / (2 * a)))
    return float(grid[best])


def base_neighbourhood_size(views: dict[str, Matrix], neighbours: NeighbourIndices) -> float:
    """Return the base of all scales, in cells: the geometric mean of the best sizes of log values and z-scores."""
    log_size, z_size = (best_neighbourhood_size(views[name], neighbours) for name in ("log", "z"))
    return float(np.clip(np.sqrt(log_size * z_size), 8, max(NEIGHBOURHOOD_SIZES) / max(RELATIVE_SCALES)))


def whiten_noise(p: Matrix, neighbours: NeighbourIndices, m: int) -> Matrix:
    """Scale components to unit local noise: that of a cell minus the mean of its neighbourhood of `m` cells."""
    noise = np.atleast_2d(np.cov((p - averaging_matrix(neighbours, m) @ p).T))
    value, vector = np.linalg.eigh(noise)
    is_noisy = value > max(1e-5 * value.mean(), 1e-30)
    if not is_noisy.any():  # every cell equals the mean of its neighbours
        return p
    out: Matrix = (p @ (vector[:, is_noisy] / np.sqrt(value[is_noisy]))).astype(np.float32)
    return out


def signal_directions(mean: Matrix, m: int) -> Matrix:
    """Return loadings on the directions in which neighbourhood means vary more than `MIN_SNR` times their noise.

    The noise variance of a mean of `m` cells is 1 / m. At least two directions.
    """
    value, vector = np.linalg.eigh(np.atleast_2d(np.cov(mean.T)) * m)
    order = np.argsort(-value)
    out: Matrix = (vector[:, order[: max(2, int((value > MIN_SNR).sum()))]] * np.sqrt(m)).astype(np.float32)
    return out


def domain_features(p: Matrix, neighbours: NeighbourIndices, m: int) -> Matrix:
    """Compute features (cells, directions) of one view at one scale.

    Neighbourhood means in their directions of signal; then means over four times as many neighbours, weighted by
    similarity in these directions, so that borders stay sharp.

    Parameters
    ----------
    p : (cells, d)
        The view.
    neighbours
        Of `nearest_neighbours` or `graph_nearest`.
    m
        Size of the neighbourhood, in cells.
    """
    m = max(1, min(m, neighbours.shape[1]))
    white = whiten_noise(p, neighbours, m)
    mean = averaging_matrix(neighbours, m) @ white
    y = mean @ signal_directions(mean, m)
    wide = neighbours[:, : min(BILATERAL_REACH * m, neighbours.shape[1])]
    sample = np.linspace(0, len(y) - 1, min(2000, len(y))).astype(int)
    squares = ((y[sample, None] - y[wide[sample]]) ** 2).sum(-1)[:, 1:]
    width = float(np.median(squares)) + 1e-9 if wide.shape[1] > 1 else 1.0
    out = np.empty_like(mean)
    for start in range(0, len(y), _CELL_CHUNK):
        j = wide[start : start + _CELL_CHUNK]
        difference = y[start : start + _CELL_CHUNK, None] - y[j]
        weight = np.exp(-np.einsum("nkd,nkd->nk", difference, difference) / width)
        weight /= weight.sum(1, keepdims=True)
        out[start : start + _CELL_CHUNK] = (
            sp.csr_matrix((weight.ravel(), j.ravel(), np.arange(0, j.size + 1, j.shape[1])), shape=(len(j), len(y)))
            @ white
        )
    table: Matrix = out @ signal_directions(out, m)
    return table


def max_neighbours(scale: float, n: int) -> int:
    """Return the number of neighbours of the widest mean, of `n` cells."""
    return min(max(max(NEIGHBOURHOOD_SIZES) + 1, BILATERAL_REACH * round(scale * max(RELATIVE_SCALES))), n - 1)


def neighbourhood_scales(
    xy: NDArray[np.floating], views: dict[str, Matrix], sections: IntArray, neighbours: NeighbourIndices
) -> tuple[NeighbourIndices, float, list[int]]:
    """Return neighbours for every scale, the base scale, and all scales in cells."""
    scale = base_neighbourhood_size(views, neighbours)
    wide = max_neighbours(scale, len(xy))
    if wide + 1 > neighbours.shape[1]:
        neighbours = nearest_neighbours(xy, wide, sections)
    return neighbours, scale, sorted({max(1, round(scale * s)) for s in RELATIVE_SCALES})


def graph_neighbourhood_scales(
    xy: NDArray[np.floating], sections: IntArray, graph: Graph
) -> tuple[NeighbourIndices, float, list[int]]:
    """Return the same as `neighbourhood_scales` along a graph; the base is the median cell with its neighbours.

    Raises
    ------
    ConfigError
        The graph has no edges, or more neighbours than can be averaged at several scales.
    """
    edges = spatial_graph(xy, sections, graph)
    scale = float(np.median(np.diff(edges.indptr))) + 1
    if not 1 < scale <= max(NEIGHBOURHOOD_SIZES):
        count = "no neighbour" if scale <= 1 else f"{scale - 1:.0f} neighbours"
        raise ConfigError(
            f"half of the cells have {count} in the graph {graph}; choose one with 1 to "
            f"{max(NEIGHBOURHOOD_SIZES) - 1} neighbours for most cells."
        )
    scales = sorted({max(2, round(scale * s / RELATIVE_SCALES[1])) for s in RELATIVE_SCALES})
    return graph_nearest(xy, min(BILATERAL_REACH * scales[-1], len(xy) - 1), edges), scale, scales


def _scaling_groups(sections: IntArray) -> IntArray:
    """Group of each cell to be scaled together: its section; small sections join the first large one, or all."""
    size = np.bincount(sections)
    large = np.flatnonzero(size >= MIN_SECTION_CELLS)
    code = np.zeros(len(size), dtype=np.intp)
    code[large] = np.arange(len(large))
    return code[sections]


def _group_means_and_sds(x: sp.csr_matrix, group: IntArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and standard deviations (groups, genes)."""
    pairs = [
        column_mean_and_sd(x[group == g]) if group.max() else column_mean_and_sd(x) for g in range(int(group.max()) + 1)
    ]
    return np.stack([m for m, _ in pairs]), np.stack([s for _, s in pairs])
