"""Cells through the trained network: latents, classes and hidden units, in chunks, nothing random but what `as-published` asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .model import Inclust
from .plan import Plan
from .train import Trainer

CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Latents:
    """What the members say of the cells of one table.

    Attributes
    ----------
    z : (members, cells, latent) float32
        Free of the covariate.
    hidden : (members, cells, units) float32
        Last hidden layer of the decoder, with the covariate that decodes.
    classes : (members, cells, classes) float32
        Probabilities.
    """

    z: NDArray[np.float32]
    hidden: NDArray[np.float32]
    classes: NDArray[np.float32]


@torch.no_grad()
def encode(trainer: Trainer, table: str) -> Latents:
    """Latents of every cell of a table, as the presentation of that table shows it."""
    plan, config, model = trainer.plan, trainer.config, trainer.model
    presentation = next(p for p in plan.presentations if p.table == table)
    m_in, _ = trainer.masks(presentation)
    rows, random = trainer.rows[table], torch.Generator().manual_seed(config.seed)
    parts: list[tuple[Tensor, ...]] = []
    for start in range(0, rows.table.n_cells, CHUNK):
        x, _, covariates, _ = rows.take(np.arange(start, min(start + CHUNK, rows.table.n_cells)))
        encoded = model.encode(x * m_in, covariates.expand(plan.members, -1, -1))
        latent = encoded.mu
        if config.decode == "sample":
            latent = latent + torch.randn(latent.shape, generator=random).to(latent.device) * (0.5 * encoded.logvar).exp()
        if config.switch_covariate:
            latent = latent + model.sign * (encoded.embedding - _reference_embedding(model, plan, latent.device))
        parts.append(tuple(t.cpu() for t in (encoded.z, model.hidden(latent), model.classify(encoded.z).softmax(-1))))
    z, hidden, classes = (torch.cat(p, 1).numpy() for p in zip(*parts, strict=True))
    return Latents(z, hidden, classes)


def _reference_embedding(model: Inclust, plan: Plan, device: torch.device) -> Tensor:
    """(members, 1, latent)."""
    return model.embed(torch.from_numpy(plan.decode_as).to(device).expand(plan.members, 1, -1))


