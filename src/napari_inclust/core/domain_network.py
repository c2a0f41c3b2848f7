"""The published form of inClust's spatial domains (Wang et al., Cell Reports Methods 2023): cells and the mean of their neighbours through one encoder, added.

50 principal components, 6 neighbours, tanh, 20 outputs of which some stay spare, no labels; the domain is the largest output of the classifier.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from . import device as dev
from .config import Config
from .domain_edit import Segmentation
from .graph import Codes, Float, Graph, nearest, spatial_graph
from .likelihood import squared as reconstruction
from .model import Inclust, entropy, mixture_kl

COMPONENTS, NEIGHBOURS, OUTPUTS = 50, 6, 20
_CHUNK = 16_384

Matrix = NDArray[np.float32]


def neighbour_mean(p: Matrix, xy: Float, sections: Codes, graph: Graph) -> Matrix:
    """(cells, components) mean of each cell's neighbours, itself left out; a cell without neighbours stands for its own."""
    if graph.kind == "knn":  # the same sets as squidpy's, and each cell is never its own neighbour where places are shared
        near = nearest(xy, min(graph.neighbours, max(1, len(p) - 1)), sections)[:, 1:]
        mean: Matrix = p[near].mean(1)
        return mean
    adjacency = spatial_graph(xy, sections, graph)
    degree = np.asarray(adjacency.sum(1)).ravel()
    total: Matrix = (adjacency @ p) / np.maximum(degree, 1)[:, None]
    return np.where(degree[:, None] > 0, total, p).astype(np.float32)


def train(p: Matrix, around: Matrix, seed: int, config: Config | None = None) -> Generator[tuple[int, int], None, tuple[Matrix, Matrix]]:
    """Train on components and those of the neighbourhood: yields (epoch, epochs), returns the latent (cells, 50) and the outputs (cells, 20)."""
    c = config or Config.preset("as-published", arithmetic="plus", output="tanh", seed=seed, device="cpu")
    random = torch.Generator().manual_seed(c.seed)
    model = Inclust(p.shape[1], p.shape[1], p.shape[1], OUTPUTS, c, members=1, shared_encoder=True, activation="tanh")
    model.reset(random)
    x, n = torch.from_numpy(np.stack([p, around])[:, None]), len(p)
    optimiser = torch.optim.Adam(model.parameters(), lr=c.learning_rate)
    for epoch in range(1, c.epochs + 1):
        with dev.threads(c.threads):
            for rows in torch.split(torch.randperm(n, generator=random), c.batch):
                cells, cov = x[0][:, rows], x[1][:, rows]
                encoded = model.encode(cells, cov)
                logits = model.classify(encoded.z)
                sample = encoded.mu + torch.randn(encoded.mu.shape, generator=random) * (0.5 * encoded.logvar).exp()
                loss = c.reconstruction_weight * reconstruction(cells, model.decode(sample), torch.ones_like(cells))
                loss = loss + c.kl_weights[0] * mixture_kl(encoded, model.centres, logits) + entropy(logits)
                optimiser.zero_grad(set_to_none=True)
                loss.sum().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        yield epoch, c.epochs
    parts = []
    with torch.no_grad(), dev.threads(c.threads):
        for start in range(0, n, _CHUNK):
            z = model.encode(x[0][:, start : start + _CHUNK], x[1][:, start : start + _CHUNK]).z
            parts.append((z[0].numpy(), model.classify(z)[0].softmax(-1).numpy()))
    return np.concatenate([z for z, _ in parts]), np.concatenate([q for _, q in parts])


def merged(z: Matrix, q: Matrix, k: int) -> Segmentation:
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
    return Segmentation.of(labels, confidence)
