"""A trained plan of any task with its data: latents, classes, and any block decoded for any cells."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.dataset import Dataset
from ..errors import ConfigError
from ..utils import device as dev
from ..utils.progress import exhaust
from ..utils.provenance import environment
from .batches import row_chunks
from .config import Config
from .loop import Epoch, checkpointing, run_epochs
from .plan import Plan
from .table import Mask
from .trainer import Trainer

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Trained:
    """Made by `train`.

    Attributes
    ----------
    sets
        The data, one for each table of the plan.
    """

    datasets: tuple[Dataset, ...]
    trainer: Trainer
    history: list[Epoch] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        return self.trainer.plan

    def dataset(self, name: str) -> Dataset:
        """One of the data sets.

        Raises
        ------
        ConfigError
            No such data set.
        """
        for s in self.datasets:
            if s.name == name:
                return s
        raise ConfigError(
            f"no data set {name!r} in this run; it was trained on {', '.join(s.name for s in self.datasets)}."
        )

    def input_masks(self, table: str, inputs: Sequence[str] | None = None) -> list[Mask]:
        """Input masks with which a table's cells are encoded: those that it was trained with, or the named blocks' (of any table's arrows).

        Raises
        ------
        ConfigError
            Blocks that no arrow shows.
        """
        self.dataset(table)
        masks = [p.input_mask for p in self.plan.presentations if p.table == table]
        if inputs is not None:
            wanted = np.zeros(len(self.plan.features), dtype=bool)
            for name in inputs:
                block = self.plan.block(name)
                wanted[block.start : block.stop] = True
            masks = [wanted & self.plan.input_mask]
            if not (masks[0] & self.plan.table(table).measured_mask(len(wanted))).any():
                raise ConfigError(
                    f"{table} measures nothing of {', '.join(inputs)} that the network was shown; it has {', '.join(self.dataset(table).modality_names)}."
                )
        return list({m.tobytes(): m for m in masks}.values())

    @torch.no_grad()
    def encode(
        self, table: str, inputs: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None
    ) -> tuple[Matrix, Matrix]:
        """Cells in the latent.

        Parameters
        ----------
        inputs
            Blocks that the encoder is to see; default every way in which the table was shown in training, averaged.

        Returns
        -------
        z (networks, cells, latent), free of the covariate, and the classes' probabilities (networks, cells, classes).
        """
        trainer, model = self.trainer, self.trainer.model
        rows = np.arange(self.plan.table(table).n_cells) if rows is None else rows
        masks = [
            torch.from_numpy(m[trainer.input_indices].astype(np.float32)).to(trainer.device)
            for m in self.input_masks(table, inputs)
        ]
        parts: list[tuple[Tensor, Tensor]] = []
        for chunk in row_chunks(len(rows)):
            x, _, covariates, _ = trainer.get_batch(table, rows[chunk])
            seen = [model.encode(x * m, covariates.expand(trainer.n_networks, -1, -1)).z for m in masks]
            z = torch.stack(seen).mean(0)
            parts.append((z.cpu(), model.classify(z).softmax(-1).cpu()))
        return torch.cat([z for z, _ in parts], 1).numpy(), torch.cat([q for _, q in parts], 1).numpy()

    def latent(self, table: str, inputs: Sequence[str] | None = None) -> Matrix:
        """(cells, latent) free of the covariate: of the first network, since latents of different networks have nothing in common."""
        first: Matrix = self.encode(table, inputs)[0][0]
        return first

    @torch.no_grad()
    def decode(self, z: Matrix, block: str, covariate: NDArray[np.float32]) -> Matrix:
        """(networks, cells, features of the block) in the units of the training: scaled values, log rates (nb) or logits (bernoulli).

        Parameters
        ----------
        z : (networks, cells, latent)
        covariate : (covariates,) or (cells, covariates)
            With which to decode.
        """
        here = self.trainer.output_slices[block]
        return self._apply_decoder(lambda latent: self.trainer.model.decode(latent)[..., here], z, covariate)

    @torch.no_grad()
    def decoder_activations(self, z: Matrix, covariate: NDArray[np.float32]) -> Matrix:
        """(networks, cells, units): the last hidden layer of the decoder; arguments as of `decode`."""
        return self._apply_decoder(self.trainer.model.decoder_activations, z, covariate)

    def _apply_decoder(self, decoder: Callable[[Tensor], Tensor], z: Matrix, covariate: NDArray[np.float32]) -> Matrix:
        """Latents with a covariate put back on, through a part of the decoder."""
        trainer, model = self.trainer, self.trainer.model
        covariates = torch.from_numpy(np.broadcast_to(covariate, (z.shape[1], covariate.shape[-1])).copy()).to(
            trainer.device
        )
        out = []
        for rows in row_chunks(z.shape[1]):
            latent = torch.from_numpy(z[:, rows]).to(trainer.device) - model.covariate_sign * model.embed_covariates(
                covariates[rows].expand(trainer.n_networks, -1, -1)
            )
            out.append(decoder(latent).cpu())
        through: Matrix = torch.cat(out, 1).numpy()
        return through

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Settings, versions, data with fingerprints."""
        data = {
            s.name: {
                "files": [str(p) for p in s.paths],
                "cells": s.n_cells,
                "modalities": list(s.modality_names),
                "fingerprint": s.fingerprint,
            }
            for s in self.datasets
        }
        return {
            "task": self.plan.task, "config": self.trainer.config.to_dict(), "data": data, "epochs": len(self.history),
            "seconds": self.history[-1].seconds if self.history else 0.0, "device": dev.describe_device(self.trainer.device), **environment(),
        }  # fmt: skip


def train_plan(
    plan: Plan, datasets: Sequence[Dataset], config: Config | None = None, *, checkpoint: str | Path | None = None
) -> Generator[Epoch, None, Trained]:
    """Train any plan: yields an `Epoch` after each, returns the `Trained`.

    Raises
    ------
    InclustError
        Settings or a checkpoint that cannot be used; a loss that is not a number.
    """
    trainer = Trainer(plan, config or Config())
    with dev.limit_threads(trainer.config.threads), checkpointing(trainer, checkpoint) as keep:
        history = yield from run_epochs(trainer, keep)
        return Trained(tuple(datasets), trainer, history)


def fit_plan(plan: Plan, datasets: Sequence[Dataset], config: Config | None = None) -> Trained:
    """`train_plan` driven to its end."""
    return exhaust(train_plan(plan, datasets, config))
