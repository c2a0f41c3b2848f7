"""The published form of inClust's spatial domains (Wang et al., Cell Reports Methods 2023): cells and the mean of their neighbours through one encoder, added.

50 principal components, 6 neighbours, tanh, 20 outputs of which some stay spare, no labels; the domain is the largest output of the classifier.
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
PUBLISHED_BATCH = 500  # cells; an epoch is as many steps as there are such batches

Matrix = NDArray[np.float32]


def neighbour_mean(p: Matrix, xy: FloatArray, sections: IntArray, graph: Graph) -> Matrix:
    """(cells, components) mean of each cell's neighbours, itself left out; a cell without neighbours stands for its own."""
    if (
        graph.kind == "knn"
    ):  # the same sets as squidpy's, and each cell is never its own neighbour where places are shared
        near = nearest_neighbours(xy, min(graph.neighbours, max(1, len(p) - 1)), sections)[:, 1:]
        mean: Matrix = p[near].mean(1)
        return mean
    adjacency = spatial_graph(xy, sections, graph)
    degree = np.asarray(adjacency.sum(1)).ravel()
    total: Matrix = (adjacency @ p) / np.maximum(degree, 1)[:, None]
    return np.where(degree[:, None] > 0, total, p).astype(np.float32)


def domain_plan(p: Matrix, neighbourhood: Matrix) -> Plan:
    """Cells -> themselves, unlabelled, the covariate a feature vector through the shared encoder: components (cells, d) and those of the neighbourhood."""
    d = p.shape[1]
    everything = np.ones(d, dtype=bool)
    part = MeasuredBlock("components", p.astype(np.float32), np.arange(d), prescaled=True)
    return Plan(
        task="domains",
        blocks=(Block("components", 0, d),),
        features=tuple(f"component {i + 1}" for i in range(d)),
        tables=(Table("cells", (part,), neighbourhood.astype(np.float32), np.full(len(p), -1, dtype=np.intp)),),
        presentations=(Presentation("cells", everything, everything),),
        hidden_features=np.zeros((1, d), dtype=bool),
        classes=(),
        covariates=(),
        decode_as="cells",
        shared_encoder=True,
    )


def train_network(
    p: Matrix, neighbourhood: Matrix, seed: int
) -> Generator[tuple[int, int], None, tuple[Matrix, Matrix]]:
    """Train on components and those of the neighbourhood: yields (epoch, epochs), returns the latent (cells, 50) and the outputs (cells, 20)."""
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
    """Arg-max of the outputs; while there are more clusters than `k`, the two are merged whose union adds least to the squared distances to the means in the
    latent (Ward's rule). Fewer stay fewer."""
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
