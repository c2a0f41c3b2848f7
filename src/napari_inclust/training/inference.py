"""Cells through the trained networks: every pass through the encoder and the decoder without a gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .batches import row_chunks
from .network import EncoderOutput
from .table import Mask
from .trainer import Trainer

Matrix = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class EncodedCells:
    """Some cells of one table.

    Attributes
    ----------
    inputs : (members, cells, inputs) float32
        Scaled values of the features shown to the encoder, each member's own fold set to 0.
    z : (networks, cells, latent) float32
        Free of the covariate.
    decoder_activations : (networks, cells, units) float32
        Last hidden layer of the decoder, with the covariate that decodes.
    class_probabilities : (networks, cells, classes) float32
        Softmax of the classifier.
    """

    inputs: Float32
    z: Float32
    decoder_activations: Float32
    class_probabilities: Float32

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.inputs.shape[1])


@torch.no_grad()
def encode_cells(trainer: Trainer, table: str, rows: NDArray[np.intp]) -> EncodedCells:
    """Encode rows of a table as its first presentation shows them, each member without its fold.

    Deterministic, but for the one sample that `decode="sample"` asks for, which is seeded.
    """
    plan, config, model = trainer.plan, trainer.config, trainer.model
    mask, _ = trainer.masks(next(p for p in plan.presentations if p.table == table))
    random = torch.Generator().manual_seed(config.seed)
    decode_as = model.embed_covariates(
        torch.from_numpy(plan.table(plan.decode_as).mean_covariate).to(trainer.device).expand(trainer.n_networks, 1, -1)
    )
    parts: list[tuple[Tensor, ...]] = []
    for chunk in row_chunks(len(rows)):
        [(inputs, encoded)] = _encode(trainer, table, rows[chunk], [mask])
        latent = encoded.mu
        if config.decode == "sample":
            latent = (
                latent + torch.randn(latent.shape, generator=random).to(latent.device) * (0.5 * encoded.logvar).exp()
            )
        if config.switch_covariate:
            latent = latent + model.covariate_sign * (encoded.covariate_embedding - decode_as)
        activations, probabilities = model.decoder_activations(latent), model.classify(encoded.z).softmax(-1)
        parts.append(tuple(t.cpu() for t in (inputs[: plan.n_members], encoded.z, activations, probabilities)))
    return EncodedCells(*(torch.cat(p, 1).numpy() for p in zip(*parts, strict=True)))


@torch.no_grad()
def encode_latent(
    trainer: Trainer, table: str, rows: NDArray[np.intp], input_masks: Sequence[Mask]
) -> tuple[Float32, Float32]:
    """Encode rows of a table with each of some input masks, and average the latents.

    Parameters
    ----------
    input_masks
        Each (features,) bool, over the plan's features.

    Returns
    -------
    z : (networks, cells, latent)
        Free of the covariate.
    class_probabilities : (networks, cells, classes)
        Of the averaged latents.
    """
    masks = [torch.from_numpy(m[trainer.input_indices].astype(np.float32)).to(trainer.device) for m in input_masks]
    latents, probabilities = [], []
    for chunk in row_chunks(len(rows)):
        z = torch.stack([encoded.z for _, encoded in _encode(trainer, table, rows[chunk], masks)]).mean(0)
        latents.append(z.cpu())
        probabilities.append(trainer.model.classify(z).softmax(-1).cpu())
    return torch.cat(latents, 1).numpy(), torch.cat(probabilities, 1).numpy()


@torch.no_grad()
def apply_decoder(
    trainer: Trainer, decoder: Callable[[Tensor], Tensor], z: Float32, covariate: NDArray[np.float32]
) -> Float32:
    """Add a covariate to latents, and pass them through (a part of) the decoder.

    Parameters
    ----------
    decoder
        From latents (networks, cells, latent) to (networks, cells, outputs).
    z : (networks, cells, latent)
        Free of the covariate.
    covariate : (covariates,) or (cells, covariates)
        With which to decode.
    """
    model = trainer.model
    covariates = torch.from_numpy(np.broadcast_to(covariate, (z.shape[1], covariate.shape[-1])).copy()).to(
        trainer.device
    )
    out = []
    for rows in row_chunks(z.shape[1]):
        latent = torch.from_numpy(z[:, rows]).to(trainer.device) - model.covariate_sign * model.embed_covariates(
            covariates[rows].expand(trainer.n_networks, -1, -1)
        )
        out.append(decoder(latent).cpu())
    decoded: Float32 = torch.cat(out, 1).numpy()
    return decoded


def _encode(
    trainer: Trainer, table: str, rows: NDArray[np.intp], masks: Sequence[Tensor]
) -> list[tuple[Tensor, EncoderOutput]]:
    """Masked inputs (networks, cells, inputs) of some rows and what the encoder gives for them, for each mask."""
    x, _, covariates, _ = trainer.get_batch(table, rows)
    covariates = covariates.expand(trainer.n_networks, -1, -1)
    return [(x * m, trainer.model.encode(x * m, covariates)) for m in masks]
