"""What domains are found in: views of the cells, and in each the directions in which neighbourhoods differ more than cells by chance.

The directions are minimum noise fractions (Green et al., IEEE TGRS 1988, 26:65): the noise of a cell is its difference to its neighbourhood.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..data import normalize as val
from ..data.panel import control_probes
from ..data.section import Section
from ..errors import ConfigError, DataError
from ..spatial.neighbors import Codes, Graph, Index, along, averaging, nearest, spatial_graph

Matrix = NDArray[np.float32]

GENES = 5000  # at most, the most variable
COMPONENTS = (30, 50)  # of each kind of values
SNR = 4.0  # variance of a direction over that of its noise
SCALES = (1.5, 2.0, 3.0)  # neighbourhoods, in units of the one that predicts a cell best
GRID = (6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 80, 100)  # neighbourhoods tried for that, in cells
WIDE = 4  # the edge-preserving mean reaches so many neighbourhoods far
LANDMARKS = 10_000  # cells on which mixtures and states are fitted
STATES = (20, 40, 60)  # numbers of cell states in the codebooks of the composition
STATE_COMPONENTS = 40
MIN_SECTION = 50  # cells; smaller sections are scaled with all others
_CELLS_A_COMPONENT = 10
_CHUNK = 4096


def expression(section: Section) -> sp.csr_matrix:
    """(cells, genes) log-normalised, without controls, genes of one value and genes seen in fewer than three cells.

    Raises
    ------
    DataError
        No gene differs between cells.
    """
    if section.predicted is not None and not section.genes:
        raise DataError(f"{section.name} holds no measured genes, only predictions of a run ({section.predicted.said}): find domains in what was measured.")
    controls = set(control_probes(section.genes))
    columns = [i for i, gene in enumerate(section.genes) if gene not in controls]
    x = val.lognormalise(section.matrix[:, columns], section.values.kind)
    mean, sd = val.moments(x)
    kept = np.flatnonzero((sd > 1e-4 * mean) & (x.getnnz(0) >= min(3, x.shape[0])))
    if not len(kept):
        raise DataError(f"no gene of {section.name} differs between its cells: there is nothing to tell domains by.")
    kept = np.sort(kept[np.argsort(-sd[kept], kind="stable")[:GENES]])
    return x[:, kept].tocsr()


def views(x: sp.csr_matrix, sections: Codes) -> dict[str, Matrix]:
    """The cells in five ways: principal components of log values and of z-scores, few and many, and membership in cell states."""
    few, many = COMPONENTS
    log, z = components(x, many, sections), components(x, many, sections, scaled=True)
    return {"log": log[:, :few], "log50": log, "z": z[:, :few], "z50": z, "states": states(z[:, :few])}


def components(x: sp.csr_matrix, d: int, sections: Codes, *, scaled: bool = False) -> Matrix:
    """(cells, d) principal components; genes centred in each section, and when `scaled` to unit variance, cut at 10 standard deviations.

    A randomised SVD (Halko et al., SIAM Review 2011, 53:217) on the sparse matrix: scikit-learn's takes no matrix with a centre of its own in each section, and
    its PCA would be made dense.
    """
    n, g = x.shape
    group = _groups(sections)
    if scaled:
        x = x.copy()
        mean, sd = _group_moments(x, group)
        rows = np.repeat(group, np.diff(x.indptr))
        x.data = np.minimum(x.data, (mean + 10 * sd).astype(np.float32)[rows, x.indices])
        mean, sd = _group_moments(x, group)
        weight = (1 / np.maximum(sd, 1e-3)).astype(np.float32) if len(mean) > 1 else (1 / np.maximum(sd, 1e-6)).astype(np.float32)
        x.data *= weight[rows, x.indices]
        mean = mean * weight
    else:
        mean = _group_moments(x, group)[0]
    d = max(1, min(d, n // _CELLS_A_COMPONENT, g - 1))
    mean = mean.astype(np.float32)
    back = x.T.tocsr()
    one = sp.csr_matrix((np.ones(n, dtype=np.float32), (group, np.arange(n))), shape=(len(mean), n))
    basis = np.random.default_rng(0).standard_normal((g, min(d + 20, g))).astype(np.float32)
    for _ in range(5):
        q = np.linalg.qr(x @ basis - (mean @ basis)[group])[0]
        basis = np.linalg.qr(back @ q - mean.T @ (one @ q))[0]
    u, s, _ = np.linalg.svd(x @ basis - (mean @ basis)[group], full_matrices=False)
    out: Matrix = (u * s)[:, :d].astype(np.float32)
    return out


def states(p: Matrix) -> Matrix:
    """(cells, at most 40) soft membership of each cell in fine cell states, several codebooks side by side, as principal components."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    rng, n = np.random.default_rng(0), len(p)
    at = rng.choice(n, min(n, LANDMARKS), replace=False)
    books = []
    for k in STATES:
        k = min(k, max(2, n // 20))
        means = KMeans(k, n_init=1, max_iter=50, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different cells than states
            means.fit(p[at])
        distance = (means.transform(p) ** 2).astype(np.float32)
        low = distance.min(1, keepdims=True)
        member = np.exp(-(distance - low) * p.shape[1] / (2 * low.mean() + 1e-9))
        books.append(member / member.sum(1, keepdims=True))
    q = np.hstack(books).astype(np.float32)
    q -= q.mean(0)
    value, vector = np.linalg.eigh(q.T @ q)
    kept = max(1, min(STATE_COMPONENTS, int((value > 1e-6 * value[-1]).sum())))
    out: Matrix = q @ vector[:, ::-1][:, :kept]
    return out


def best_scale(p: Matrix, near: Index) -> float:
    """Number of neighbours whose mean, the cell itself left out, best predicts the cell; between grid points by a parabola."""
    grid = [m for m in GRID if m < near.shape[1]]
    if not grid:
        return float(near.shape[1])
    m = min(20, near.shape[1])
    white = whitened(p, near, m)
    y = white @ signal(averaging(near, m) @ white, m)
    error = [float(((y - (averaging(near, g + 1) @ y * (g + 1) - y) / g) ** 2).sum(1).mean()) for g in grid]
    best = int(np.argmin(error))
    if 0 < best < len(grid) - 1:
        a, b, _ = np.polyfit(np.log(grid[best - 1 : best + 2]), error[best - 1 : best + 2], 2)
        if a > 0:
            return float(np.exp(-b / (2 * a)))
    return float(grid[best])


def scale_of(view: dict[str, Matrix], near: Index) -> float:
    """The neighbourhood that all scales are counted in: the geometric mean over log values and z-scores."""
    found = np.sqrt(best_scale(view["log"], near) * best_scale(view["z"], near))
    return float(np.clip(found, 8, max(GRID) / max(SCALES)))


def whitened(p: Matrix, near: Index, m: int) -> Matrix:
    """Components in units of their local noise: a cell minus the mean of its neighbourhood."""
    noise = np.atleast_2d(np.cov((p - averaging(near, m) @ p).T))
    value, vector = np.linalg.eigh(noise)
    kept = value > max(1e-5 * value.mean(), 1e-30)
    if not kept.any():  # every cell is the mean of its neighbours
        return p
    out: Matrix = (p @ (vector[:, kept] / np.sqrt(value[kept]))).astype(np.float32)
    return out


def signal(mean: Matrix, m: int) -> Matrix:
    """Loadings on the directions in which neighbourhood means (noise variance 1/m) differ more than `SNR` times by chance; at least two."""
    value, vector = np.linalg.eigh(np.atleast_2d(np.cov(mean.T)) * m)
    order = np.argsort(-value)
    out: Matrix = (vector[:, order[: max(2, int((value > SNR).sum()))]] * np.sqrt(m)).astype(np.float32)
    return out


def features(p: Matrix, near: Index, m: int) -> Matrix:
    """(cells, directions) of one view at one scale.

    Neighbourhood means in their directions of signal; then once more over four times as many neighbours, weighted by their likeness in these, so that
    borders stay sharp.
    """
    m = max(1, min(m, near.shape[1]))
    white = whitened(p, near, m)
    mean = averaging(near, m) @ white
    y = mean @ signal(mean, m)
    wide = near[:, : min(WIDE * m, near.shape[1])]
    some = np.linspace(0, len(y) - 1, min(2000, len(y))).astype(int)
    width = float(np.median(((y[some, None] - y[wide[some]]) ** 2).sum(-1)[:, 1:])) + 1e-9 if wide.shape[1] > 1 else 1.0
    out = np.empty_like(mean)
    for start in range(0, len(y), _CHUNK):
        j = wide[start : start + _CHUNK]
        apart = y[start : start + _CHUNK, None] - y[j]
        weight = np.exp(-np.einsum("nkd,nkd->nk", apart, apart) / width)
        weight /= weight.sum(1, keepdims=True)
        out[start : start + _CHUNK] = sp.csr_matrix((weight.ravel(), j.ravel(), np.arange(0, j.size + 1, j.shape[1])), shape=(len(j), len(y))) @ white
    table: Matrix = out @ signal(out, m)
    return table


def reach(scale: float, n: int) -> int:
    """Neighbours that the widest mean needs."""
    return min(max(max(GRID) + 1, WIDE * round(scale * max(SCALES))), n - 1)


def neighbourhoods(xy: NDArray[np.floating], view: dict[str, Matrix], sections: Codes, near: Index) -> tuple[Index, float, list[int]]:
    """Neighbours far enough for every scale, the best-predicting scale, and the scales in cells."""
    scale = scale_of(view, near)
    wide = reach(scale, len(xy))
    if wide + 1 > near.shape[1]:
        near = nearest(xy, wide, sections)
    return near, scale, sorted({max(1, round(scale * s)) for s in SCALES})


def graph_neighbourhoods(xy: NDArray[np.floating], sections: Codes, graph: Graph) -> tuple[Index, float, list[int]]:
    """The same along a graph: a neighbourhood is a cell with its neighbours in it (median), the scales lie around that.

    Raises
    ------
    ConfigError
        A graph without edges, or with more neighbours than can be averaged at several scales.
    """
    edges = spatial_graph(xy, sections, graph)
    scale = float(np.median(np.diff(edges.indptr))) + 1
    if not 1 < scale <= max(GRID):
        found = "no neighbour" if scale <= 1 else f"{scale - 1:.0f} neighbours"
        raise ConfigError(f"half of the cells have {found} in the graph {graph}; choose one with 1 to {max(GRID) - 1} neighbours for most cells.")
    scales = sorted({max(2, round(scale * s / SCALES[1])) for s in SCALES})
    return along(xy, min(WIDE * scales[-1], len(xy) - 1), edges), scale, scales


def _groups(sections: Codes) -> Codes:
    """Sections as groups to be scaled apart, the small ones together with the first large one (all in one when none is large)."""
    size = np.bincount(sections)
    large = np.flatnonzero(size >= MIN_SECTION)
    code = np.zeros(len(size), dtype=np.intp)
    code[large] = np.arange(len(large))
    return code[sections]


def _group_moments(x: sp.csr_matrix, group: Codes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(groups, genes) means and standard deviations."""
    pairs = [val.moments(x[group == g]) if group.max() else val.moments(x) for g in range(int(group.max()) + 1)]
    return np.stack([m for m, _ in pairs]), np.stack([s for _, s in pairs])
