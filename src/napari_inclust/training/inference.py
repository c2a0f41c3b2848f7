"""Cells through the trained networks: what every readout starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .batches import row_chunks
from .trainer import Trainer

Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class EncodedCells:
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

    inputs: NDArray[np.float32]
    z: NDArray[np.float32]
    decoder_activations: NDArray[np.float32]
    class_probabilities: NDArray[np.float32]

    @property
    def n_cells(self) -> int:
        return int(self.inputs.shape[1])


@torch.no_grad()
def encode_cells(trainer: Trainer, table: str, rows: NDArray[np.intp]) -> EncodedCells:
    """Rows of a table as its presentation shows them. Nothing is random, but for the one sample that `decode="sample"` asks for."""
    plan, config, model = trainer.plan, trainer.config, trainer.model
    m_in, _ = trainer.masks(next(p for p in plan.presentations if p.table == table))
    random = torch.Generator().manual_seed(config.seed)
    decode_as = model.embed_covariates(
        torch.from_numpy(plan.table(plan.decode_as).mean_covariate).to(trainer.device).expand(trainer.n_networks, 1, -1)
    )
    parts: list[tuple[Tensor, ...]] = []
    for chunk in row_chunks(len(rows)):
        x, _, covariates, _ = trainer.get_batch(table, rows[chunk])
        encoded = model.encode(x * m_in, covariates.expand(trainer.n_networks, -1, -1))
        latent = encoded.mu
        if config.decode == "sample":
            latent = (
                latent + torch.randn(latent.shape, generator=random).to(latent.device) * (0.5 * encoded.logvar).exp()
            )
        if config.switch_covariate:
            latent = latent + model.covariate_sign * (encoded.covariate_embedding - decode_as)
        shown = (x * m_in)[: plan.n_members]
        parts.append(
            tuple(
                t.cpu()
                for t in (shown, encoded.z, model.decoder_activations(latent), model.classify(encoded.z).softmax(-1))
            )
        )
    return EncodedCells(*(torch.cat(p, 1).numpy() for p in zip(*parts, strict=True)))
