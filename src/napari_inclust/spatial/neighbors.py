"""Spatial neighbours: nearest cells for averaging, and neighbour graphs by squidpy."""

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

_TRAVERSAL_CHUNK = 4096  # cells from which the graph is traversed together
_QUERY_CHUNK = 20_000  # cells of one query, which bounds its float64 and int64 results
_ISOLATED_SPACINGS = 20.0  # median distances to the nearest cell beyond which a cell is isolated
_LATTICE_TOLERANCE = 1.15  # largest ratio of a nearest distance to the median one on a lattice


@dataclass(frozen=True)
class Graph:
    """Definition of a spatial neighbour graph; neighbours always lie in the same section.

    Parameters
    ----------
    kind
        "knn" (`neighbours` nearest), "radius" (within `radius` micrometres), "delaunay", or "grid" (a lattice of spots
        with `neighbours` around each: 6 for Visium's hexagons, 4 for squares).
    neighbours
        Of "knn" and "grid".
    radius
        Micrometres, of "radius".
    """

    kind: GraphKind = "knn"
    neighbours: int = 6
    radius: float | None = None

    def __str__(self) -> str:
        """Describe the graph: "knn of 6", "radius of 30 um", "delaunay"."""
        return {"radius": f"radius of {self.radius} um", "delaunay": "delaunay"}.get(
            self.kind, f"{self.kind} of {self.neighbours}"
        )

    def __post_init__(self) -> None:
        """Check the values.

        Raises
        ------
        ConfigError
            Unknown kind, fewer than 1 neighbour, or no radius above 0 for "radius".
        """
        if self.kind not in get_args(GraphKind):
            raise ConfigError(f"unknown graph {self.kind!r}; expected one of {', '.join(get_args(GraphKind))}.")
        if self.neighbours < 1:
            raise ConfigError(f"a graph of {self.neighbours} neighbours has no edges; give at least 1.")
        if self.kind == "radius" and not (self.radius is not None and self.radius > 0):
            raise ConfigError(f"the radius of the graph is {self.radius!r}; give micrometres above 0.")


def spatial_graph(xy: FloatArray, sections: IntArray, graph: Graph | None = None) -> sp.csr_matrix:
    """Build the adjacency matrix (cells, cells), symmetric except for "knn", without self-loops, by squidpy.

    In a section with too few cells for the kind of graph all cells are neighbours.

    Parameters
    ----------
    xy : (cells, 2 or 3)
        Micrometres.
    sections : (cells,) int
    graph
        Default: the 6 nearest cells.
    """
    graph = graph or Graph()
    blocks, rows = [], []
    for at in section_rows(sections):
        n = len(at)
        min_cells = {"knn": graph.neighbours + 1, "grid": graph.neighbours + 1, "delaunay": 4, "radius": 2}[graph.kind]
        # cells on a line have no triangles
        degenerate = graph.kind == "delaunay" and np.linalg.matrix_rank(xy[at] - xy[at].mean(0)) < xy.shape[1]
        if n < min_cells or degenerate:
            block = sp.csr_matrix(np.ones((n, n)) - np.eye(n)) if n < 50 else _knn_graph(xy[at], graph.neighbours)
        elif graph.kind == "knn":
            block = _knn_graph(xy[at], graph.neighbours)
        else:
            block = _squidpy_graph(xy[at], graph)
        blocks.append(block)
        rows.append(at)
    order = np.concatenate(rows)
    inverse = np.argsort(order, kind="stable")
    out = sp.csr_matrix(sp.block_diag(blocks, format="csr")[inverse][:, inverse], dtype=np.float32)
    out.setdiag(0)
    out.eliminate_zeros()
    return out


def nearest_neighbours(xy: FloatArray, n_neighbours: int, sections: IntArray) -> NeighbourIndices:
    """Find the nearest cells within the section: (cells, n_neighbours + 1), the cell itself first, then by distance.

    The same sets as squidpy's k nearest [tested], from a KD-tree: squidpy may drop a cell at the same position
    instead of the cell itself, and returns a matrix, whereas averages over many scales need the order. In a section
    with fewer cells the cell itself is repeated.
    """
    out = np.repeat(np.arange(len(xy), dtype=np.int32)[:, None], n_neighbours + 1, axis=1)
    for at in section_rows(sections):
        k = min(n_neighbours + 1, len(at))
        if k == 1:
            continue
        tree = cKDTree(xy[at])
        for start in range(0, len(at), _QUERY_CHUNK):
            own = np.arange(start, min(start + _QUERY_CHUNK, len(at)))
            nearest = tree.query(xy[at[own]], k)[1].reshape(len(own), k)
            is_self = nearest == own[:, None]
            is_self[~is_self.any(1), -1] = True  # more cells at the same position than neighbours
            out[at[own], 1:k] = at[nearest[~is_self].reshape(len(own), k - 1)]
    return out


def graph_nearest(xy: FloatArray, n_neighbours: int, adjacency: sp.csr_matrix) -> NeighbourIndices:
    """Find the nearest cells along a graph: (cells, n_neighbours + 1), the cell itself first.

    Ordered by steps in the graph, then by distance. In a component with fewer cells the cell itself is repeated, as by
    `nearest_neighbours`.
    """
    n = len(xy)
    out = np.repeat(np.arange(n, dtype=np.int32)[:, None], n_neighbours + 1, axis=1)
    links = sp.csr_matrix(adjacency, dtype=np.float32, copy=True)
    links.data[:] = 1
    for start in range(0, n, _TRAVERSAL_CHUNK):
        rows = np.arange(start, min(start + _TRAVERSAL_CHUNK, n))
        ones = np.ones(len(rows), dtype=np.float32)
        frontier = sp.csr_matrix((ones, (rows - start, rows)), shape=(len(rows), n))
        steps, n_steps = frontier.copy(), 1  # counted from 1, so that the cell itself is stored
        while frontier.nnz:
            incomplete = sp.diags((np.diff(steps.indptr) <= n_neighbours).astype(np.float32))
            frontier = (incomplete @ frontier @ links).sign()
            frontier = frontier - frontier.multiply(steps.sign())
            frontier.eliminate_zeros()
            n_steps += 1
            steps = (steps + n_steps * frontier).tocsr()
        row, column = np.repeat(np.arange(len(rows)), np.diff(steps.indptr)), steps.indices
        distance = np.linalg.norm(xy[rows[row]] - xy[column], axis=1)
        order = np.lexsort((distance, steps.data, row))
        rank = np.arange(len(order)) - steps.indptr[row]
        near = rank <= n_neighbours
        out[rows[row[near]], rank[near]] = column[order][near]
    return out


def averaging_matrix(neighbours: NeighbourIndices, n_cells: int) -> sp.csr_matrix:
    """Return the matrix (cells, cells) that averages each cell with its `n_cells` - 1 nearest."""
    n, n_cells = len(neighbours), max(1, min(n_cells, neighbours.shape[1]))
    weights = np.full(n * n_cells, 1 / n_cells, dtype=np.float32)
    return sp.csr_matrix(
        (weights, neighbours[:, :n_cells].ravel(), np.arange(0, n * n_cells + 1, n_cells)), shape=(n, n)
    )


def section_rows(sections: IntArray) -> Iterator[IntArray]:
    """Yield the rows of each section."""
    order = np.argsort(sections, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(sections[order])) + 1)


def nearest_distances(xy: FloatArray, neighbours: NeighbourIndices) -> tuple[float, FloatArray]:
    """Return the median distance to the nearest cell (0 where all positions are equal), and each cell's (cells,)."""
    if neighbours.shape[1] < 2:
        return 0.0, np.zeros(len(xy))
    distance = np.linalg.norm(xy - xy[neighbours[:, 1]], axis=1)
    positive = distance[distance > 0]
    return float(np.median(positive)) if len(positive) else 0.0, distance


def is_lattice(xy: FloatArray, neighbours: NeighbourIndices) -> bool:
    """Return whether the positions form a regular grid: over 90 % of the nearest distances are close to the median."""
    median, distance = nearest_distances(xy, neighbours)
    return median > 0 and bool((np.abs(distance / median - 1) < _LATTICE_TOLERANCE - 1).mean() > 0.9)


def coordinate_notes(xy: FloatArray, neighbours: NeighbourIndices, sections: IntArray, unit_note: str) -> list[str]:
    """Describe problems of the positions for the user: unit, isolated and coincident cells, sections of one cell."""
    notes = []
    median, distance = nearest_distances(xy, neighbours)
    low, high = CELL_SPACING
    if median and "not stated" in unit_note and not low <= median <= high and not is_lattice(xy, neighbours):
        looks = "pixels" if median > high else "another unit"
        notes.append(
            f"the median distance to the nearest cell is {median:.3g}; cells are {low:g} to {high:g} um apart, so the "
            f"coordinates look like {looks}, not micrometres. Domains do not depend on it: scales are counted in "
            "cells. Give --pixel-size (Python: pixel_size=) where distances matter."
        )
    isolated = int((distance > _ISOLATED_SPACINGS * median).sum()) if median else 0
    if isolated:
        notes.append(
            f"{isolated} cell{'s lie' if isolated > 1 else ' lies'} far from all others; the nearest ones still count "
            "as neighbours."
        )
    coincident = int((distance == 0).sum()) if neighbours.shape[1] > 1 else 0
    single = np.bincount(sections) == 1
    coincident -= int(single.sum())
    if coincident > 0:
        notes.append(f"{coincident} cells share their position with another.")
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
