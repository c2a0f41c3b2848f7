"""Who is next to whom: nearest cells for averaging, squidpy's graphs for everything that names a graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..data.section import CELL_SPACING
from ..errors import ConfigError

NeighbourIndices = NDArray[np.int32]
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.intp]
GraphKind = Literal["knn", "radius", "delaunay", "grid"]

_TRAVERSAL_CHUNK = 4096  # cells from which the graph is walked at once
_QUERY_CHUNK = 20_000  # cells looked up at once: the tree answers in float64 and int64
_ISOLATED_SPACINGS = 20.0  # median spacings to the nearest cell beyond which a cell is alone
_LATTICE_TOLERANCE = 1.15  # a spacing counts as the lattice's own when this close to the smallest


@dataclass(frozen=True)
class Graph:
    """Which cells are neighbours; always within a section.

    Parameters
    ----------
    kind
        "knn" (`neighbours` nearest), "radius" (within `radius` micrometres), "delaunay", or "grid" (a lattice of spots with `neighbours` around each: 6 for
        Visium's hexagons, 4 for squares).
    """

    kind: GraphKind = "knn"
    neighbours: int = 6
    radius: float | None = None

    def __str__(self) -> str:
        return {"radius": f"radius of {self.radius} um", "delaunay": "delaunay"}.get(
            self.kind, f"{self.kind} of {self.neighbours}"
        )

    def __post_init__(self) -> None:
        if self.kind not in get_args(GraphKind):
            raise ConfigError(f"unknown graph {self.kind!r}; expected one of {', '.join(get_args(GraphKind))}.")
        if self.neighbours < 1:
            raise ConfigError(f"a graph of {self.neighbours} neighbours has no edges; give at least 1.")
        if self.kind == "radius" and not (self.radius is not None and self.radius > 0):
            raise ConfigError(f"the radius of the graph is {self.radius!r}; give micrometres above 0.")


def spatial_graph(xy: FloatArray, sections: IntArray, graph: Graph | None = None) -> sp.csr_matrix:
    """(cells, cells) adjacency, symmetric but for "knn", without self-loops, by squidpy.

    A section with too few cells for the kind asked for has every cell next to every other.
    """
    graph = graph or Graph()
    blocks, rows = [], []
    for at in section_rows(sections):
        n = len(at)
        needed = {"knn": graph.neighbours + 1, "grid": graph.neighbours + 1, "delaunay": 4, "radius": 2}[graph.kind]
        flat = (
            graph.kind == "delaunay" and np.linalg.matrix_rank(xy[at] - xy[at].mean(0)) < xy.shape[1]
        )  # cells on a line have no triangles
        if n < needed or flat:
            block = sp.csr_matrix(np.ones((n, n)) - np.eye(n)) if n < 50 else _knn_graph(xy[at], graph.neighbours)
        elif graph.kind == "knn":
            block = _knn_graph(xy[at], graph.neighbours)
        else:
            block = _squidpy_graph(xy[at], graph)
        blocks.append(block)
        rows.append(at)
    order = np.concatenate(rows)
    joined = sp.block_diag(blocks, format="csr")
    back = np.argsort(order, kind="stable")
    out = sp.csr_matrix(joined[back][:, back], dtype=np.float32)
    out.setdiag(0)
    out.eliminate_zeros()
    return out


def nearest_neighbours(xy: FloatArray, n_neighbours: int, sections: IntArray) -> NeighbourIndices:
    """(cells, m + 1) the cell itself, then its m nearest within its section, nearest first.

    The same sets as squidpy's k nearest [tested], from a KD-tree: squidpy drops a cell that shares its place with another instead of itself, and gives a
    matrix, where averages over many scales need the order. A section with fewer cells repeats the cell itself.
    """
    out = np.repeat(np.arange(len(xy), dtype=np.int32)[:, None], n_neighbours + 1, axis=1)
    for at in section_rows(sections):
        k = min(n_neighbours + 1, len(at))
        if k == 1:
            continue
        tree = cKDTree(xy[at])
        for start in range(0, len(at), _QUERY_CHUNK):
            own = np.arange(start, min(start + _QUERY_CHUNK, len(at)))
            found = tree.query(xy[at[own]], k)[1].reshape(len(own), k)
            hit = found == own[:, None]
            hit[~hit.any(1), -1] = True  # more duplicates than neighbours: the cell itself was not among them
            out[at[own], 1:k] = at[found[~hit].reshape(len(own), k - 1)]
    return out


def graph_nearest(xy: FloatArray, n_neighbours: int, adjacency: sp.csr_matrix) -> NeighbourIndices:
    """(cells, m + 1) the cell itself, then m others: those the fewest steps away in the graph, the nearer first among them.

    Where the graph ends before, the cell itself is repeated, as by `nearest`.
    """
    n = len(xy)
    out = np.repeat(np.arange(n, dtype=np.int32)[:, None], n_neighbours + 1, axis=1)
    links = sp.csr_matrix(adjacency, dtype=np.float32, copy=True)
    links.data[:] = 1
    for start in range(0, n, _TRAVERSAL_CHUNK):
        rows = np.arange(start, min(start + _TRAVERSAL_CHUNK, n))
        front = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows - start, rows)), shape=(len(rows), n))
        steps, taken = front.copy(), 1
        while front.nnz:
            short = sp.diags((np.diff(steps.indptr) <= n_neighbours).astype(np.float32))
            front = (short @ front @ links).sign()
            front = front - front.multiply(steps.sign())
            front.eliminate_zeros()
            taken += 1
            steps = (steps + taken * front).tocsr()
        row, column = np.repeat(np.arange(len(rows)), np.diff(steps.indptr)), steps.indices
        distance = np.linalg.norm(xy[rows[row]] - xy[column], axis=1)
        order = np.lexsort((distance, steps.data, row))
        place = np.arange(len(order)) - steps.indptr[row]
        kept = place <= n_neighbours
        out[rows[row[kept]], place[kept]] = column[order][kept]
    return out


def averaging_matrix(neighbours: NeighbourIndices, n_cells: int) -> sp.csr_matrix:
    """(cells, cells) means over each cell and its m - 1 nearest."""
    n, n_cells = len(neighbours), max(1, min(n_cells, neighbours.shape[1]))
    weights = np.full(n * n_cells, 1 / n_cells, dtype=np.float32)
    return sp.csr_matrix(
        (weights, neighbours[:, :n_cells].ravel(), np.arange(0, n * n_cells + 1, n_cells)), shape=(n, n)
    )


def section_rows(sections: IntArray) -> Iterator[IntArray]:
    """Rows of each section."""
    order = np.argsort(sections, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(sections[order])) + 1)


def nearest_distances(xy: FloatArray, neighbours: NeighbourIndices) -> tuple[float, FloatArray]:
    """Median distance to the nearest cell (0 where all cells share places), and each cell's own."""
    if neighbours.shape[1] < 2:
        return 0.0, np.zeros(len(xy))
    distance = np.linalg.norm(xy - xy[neighbours[:, 1]], axis=1)
    positive = distance[distance > 0]
    return float(np.median(positive)) if len(positive) else 0.0, distance


def is_lattice(xy: FloatArray, neighbours: NeighbourIndices) -> bool:
    """Whether the places are spots of a regular grid: most nearest distances are the same."""
    median, distance = nearest_distances(xy, neighbours)
    return median > 0 and bool((np.abs(distance / median - 1) < _LATTICE_TOLERANCE - 1).mean() > 0.9)


def coordinate_notes(xy: FloatArray, neighbours: NeighbourIndices, sections: IntArray, unit_note: str) -> list[str]:
    """What a user should know of the places: units that look wrong, shared places, cells alone, sections too small."""
    notes = []
    median, distance = nearest_distances(xy, neighbours)
    low, high = CELL_SPACING
    if median and "not stated" in unit_note and not low <= median <= high and not is_lattice(xy, neighbours):
        looks = "pixels" if median > high else "another unit"
        notes.append(
            f"the median distance to the nearest cell is {median:.3g}; cells are {low:g} to {high:g} um apart, so the coordinates look like {looks}, not "
            "micrometres. Domains do not depend on it: scales are counted in cells. Give --pixel-size (Python: pixel_size=) where distances matter."
        )
    alone = int((distance > _ISOLATED_SPACINGS * median).sum()) if median else 0
    if alone:
        notes.append(
            f"{alone} cell{'s lie' if alone > 1 else ' lies'} far from all others; the nearest ones still count as neighbours."
        )
    same = int((distance == 0).sum()) if neighbours.shape[1] > 1 else 0
    single = np.bincount(sections) == 1
    same -= int(single.sum())
    if same > 0:
        notes.append(f"{same} cells share their place with another.")
    if single.any() and len(single) > 1:
        notes.append(
            f"{int(single.sum())} section{'s have' if single.sum() > 1 else ' has'} one cell, which has no neighbours."
        )
    return notes


def _squidpy_graph(xy: FloatArray, graph: Graph) -> sp.csr_matrix:
    import anndata

    kinds: dict[str, dict[str, Any]] = {
        "grid": {"coord_type": "grid", "n_neighs": graph.neighbours},
        "delaunay": {"coord_type": "generic", "delaunay": True},
        "radius": {"coord_type": "generic", "radius": graph.radius},
    }
    cells = anndata.AnnData(shape=(len(xy), 0), obsm={"spatial": np.asarray(xy)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # squidpy's own imports and calls warn of names that will change
        import squidpy

        log = logging.getLogger("spatialdata._logging")
        level = log.level
        log.setLevel(logging.WARNING)
        try:
            squidpy.gr.spatial_neighbors(cells, **kinds[graph.kind])
        finally:
            log.setLevel(level)
    return sp.csr_matrix(cells.obsp["spatial_connectivities"])


def _knn_graph(xy: FloatArray, k: int) -> sp.csr_matrix:
    k = min(k, len(xy) - 1)
    near = nearest_neighbours(xy, k, np.zeros(len(xy), dtype=np.intp))
    data = np.ones(len(xy) * k, dtype=np.float32)
    return sp.csr_matrix(
        (data, near[:, 1:].ravel(), np.arange(0, len(data) + 1, max(k, 1))[: len(xy) + 1]), shape=(len(xy), len(xy))
    )
