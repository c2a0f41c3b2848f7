"""Cells through the trained networks: what every readout starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .batches import chunks
from .trainer import Trainer

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Cells:
    """Some cells of one table.

    Attributes
    ----------
    x : (members, cells, inputs) float32
        Scaled values of the features shown to the encoder, each member's own fold set to 0.
    z : (networks, cells, latent) float32
        Free of the covariate.
    hidden : (networks, cells, units) float32
        Last hidden layer of the decoder, with the covariate that decodes.
    classes : (networks, cells, classes) float32
        Probabilities.
    """

    x: NDArray[np.float32]
    z: NDArray[np.float32]
    hidden: NDArray[np.float32]
    classes: NDArray[np.float32]

    @property
    def n(self) -> int:
        return int(self.x.shape[1])


@torch.no_grad()
def encode(trainer: Trainer, table: str, rows: NDArray[np.intp]) -> Cells:
    """Rows of a table as its presentation shows them. Nothing is random, but for the one sample that `decode="sample"` asks for."""
    plan, config, model = trainer.plan, trainer.config, trainer.model
    m_in, _ = trainer.masks(next(p for p in plan.presentations if p.table == table))
    random = torch.Generator().manual_seed(config.seed)
    decode_as = model.embed(torch.from_numpy(plan.table(plan.decode_as).covariate).to(trainer.device).expand(trainer.networks, 1, -1))
    parts: list[tuple[Tensor, ...]] = []
    for chunk in chunks(len(rows)):
        x, _, covariates, _ = trainer.take(table, rows[chunk])
        encoded = model.encode(x * m_in, covariates.expand(trainer.networks, -1, -1))
        latent = encoded.mu
        if config.decode == "sample":
            latent = latent + torch.randn(latent.shape, generator=random).to(latent.device) * (0.5 * encoded.logvar).exp()
        if config.switch_covariate:
            latent = latent + model.sign * (encoded.embedding - decode_as)
        shown = (x * m_in)[: plan.members]
        parts.append(tuple(t.cpu() for t in (shown, encoded.z, model.hidden(latent), model.classify(encoded.z).softmax(-1))))
    return Cells(*(torch.cat(p, 1).numpy() for p in zip(*parts, strict=True)))
