"""The published network for spatial domains: cells and the mean of their neighbours through one encoder, added.

Wang et al., Cell Reports Methods 2023: 50 principal components, 6 neighbours, tanh, 20 outputs of which some remain
unused, no labels; the domain is the largest output of the classifier.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from ..spatial.neighbors import FloatArray, Graph, IntArray, nearest_neighbours, spatial_graph
from ..training.config import Config
from ..training.plan import Block, Plan, Presentation
from ..training.table import MeasuredBlock, Table
from ..training.trained import train_plan
from ..utils.progress import map_steps
from .edit import DomainSegmentation

COMPONENTS, NEIGHBOURS = 50, 6
PUBLISHED_BATCH = 500  # cells; the steps of an epoch are the number of such batches

Matrix = NDArray[np.float32]


def neighbour_mean(p: Matrix, xy: FloatArray, sections: IntArray, graph: Graph) -> Matrix:
    """Average each cell's neighbours, without itself: (cells, components); without neighbours, the cell itself."""
    if graph.kind == "knn":  # the sets of squidpy, but no cell is its own neighbour where positions are equal
        near = nearest_neighbours(xy, min(graph.neighbours, max(1, len(p) - 1)), sections)[:, 1:]
        mean: Matrix = p[near].mean(1)
        return mean
    adjacency = spatial_graph(xy, sections, graph)
    degree = np.asarray(adjacency.sum(1)).ravel()
    total: Matrix = (adjacency @ p) / np.maximum(degree, 1)[:, None]
    return np.where(degree[:, None] > 0, total, p).astype(np.float32)


def domain_plan(p: Matrix, neighbourhood: Matrix) -> Plan:
    """Plan the reconstruction of unlabelled cells, with the neighbourhood as covariate through the shared encoder.

    Parameters
    ----------
    p, neighbourhood : (cells, d)
        Components of the cells and of the means of their neighbours.
    """
    d = p.shape[1]
    all_features = np.ones(d, dtype=bool)
    part = MeasuredBlock("components", p.astype(np.float32), np.arange(d), prescaled=True)
    return Plan(
        task="domains",
        blocks=(Block("components", 0, d),),
        features=tuple(f"component {i + 1}" for i in range(d)),
        tables=(Table("cells", (part,), neighbourhood.astype(np.float32), np.full(len(p), -1, dtype=np.intp)),),
        presentations=(Presentation("cells", all_features, all_features),),
        hidden_features=np.zeros((1, d), dtype=bool),
        classes=(),
        covariates=(),
        decode_as="cells",
        shared_encoder=True,
    )


def train_network(
    p: Matrix, neighbourhood: Matrix, seed: int
) -> Generator[tuple[int, int], None, tuple[Matrix, Matrix]]:
    """Train the network: yields (epoch, epochs).

    Returns
    -------
    z : (cells, latent)
    q : (cells, 20)
        Outputs of the classifier.
    """
    config = Config.preset(
        "as-published",
        arithmetic="plus",
        output="tanh",
        activation="tanh",
        steps=-(-len(p) // PUBLISHED_BATCH),
        seed=seed,
        device="cpu",
    )
    trained = yield from map_steps(
        train_plan(domain_plan(p, neighbourhood), (), config),
        lambda epoch: (epoch.number, epoch.total),
    )
    z, probabilities = trained.encode("cells")
    return z[0], probabilities[0]


def merge_clusters(z: Matrix, q: Matrix, k: int) -> DomainSegmentation:
    """Assign cells to their largest output, and merge clusters to at most `k` by Ward's rule.

    While there are more than `k`, the two are merged whose union adds least to the squared distances to the means in
    the latent.

    Parameters
    ----------
    z : (cells, latent)
    q : (cells, outputs)
    k
    """
    groups = [np.flatnonzero(q.argmax(1) == j) for j in range(q.shape[1])]
    groups = [g for g in groups if len(g)]
    outputs = [[int(q[g[0]].argmax())] for g in groups]
    while len(groups) > k:
        mean, size = np.stack([z[g].mean(0) for g in groups]), np.array([len(g) for g in groups], dtype=float)
        cost = ((mean[:, None] - mean) ** 2).sum(-1) * size[:, None] * size / (size[:, None] + size)
        cost[np.tril_indices(len(groups))] = np.inf
        a, b = divmod(int(cost.argmin()), len(groups))
        groups[a], outputs[a] = np.concatenate([groups[a], groups.pop(b)]), outputs[a] + outputs.pop(b)
    labels, confidence = np.empty(len(z), dtype=np.intp), np.empty(len(z), dtype=np.float32)
    for i, (g, own) in enumerate(zip(groups, outputs, strict=True)):
        labels[g], confidence[g] = i, q[g][:, own].sum(1)
    return DomainSegmentation.from_labels(labels, confidence)
