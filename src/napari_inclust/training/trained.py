"""A trained plan of any task with its data: latents, classes, and any block decoded for any cells."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import Dataset
from ..errors import ConfigError, RunError
from ..utils import device as dev
from ..utils.progress import exhaust
from ..utils.provenance import environment
from .archive import history_to_table, write_archive
from .config import Config
from .inference import apply_decoder, encode_latent
from .loop import Epoch, checkpointing, run_epochs
from .plan import Plan
from .table import Mask
from .trainer import Trainer

Matrix = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Trained:
    """What training a plan returns; results of single tasks are built on it.

    Attributes
    ----------
    datasets
        The data, one for each table of the plan, in its order.
    trainer
        The plan, its networks and its rows.
    history
        The epochs.
    """

    datasets: tuple[Dataset, ...]
    trainer: Trainer
    history: list[Epoch] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        """The plan that was trained."""
        return self.trainer.plan

    @property
    def config(self) -> Config:
        """Settings of the training."""
        return self.trainer.config

    def dataset(self, name: str) -> Dataset:
        """Return the data set of a table of the plan.

        Raises
        ------
        ConfigError
            No such data set.
        """
        for table, data in zip(self.plan.tables, self.datasets, strict=True):
            if table.name == name:
                return data
        raise self._unknown_dataset(name)

    def _unknown_dataset(self, name: str) -> ConfigError:
        return ConfigError(
            f"no data set {name!r} in this run; it was trained on {', '.join(t.name for t in self.plan.tables)}."
        )

    def input_masks(self, table: str, inputs: Sequence[str] | None = None) -> list[Mask]:
        """Input masks (features,) with which a table's cells are encoded.

        Parameters
        ----------
        inputs
            Blocks that the encoder is to see, of any table's arrows; default the masks that the table was trained with.

        Raises
        ------
        ConfigError
            Blocks that no arrow shows.
        """
        if all(table != t.name for t in self.plan.tables):
            raise self._unknown_dataset(table)
        masks = [p.input_mask for p in self.plan.presentations if p.table == table]
        if inputs is not None:
            named = np.zeros(len(self.plan.features), dtype=bool)
            for name in inputs:
                block = self.plan.block(name)
                named[block.start : block.stop] = True
            masks = [named & self.plan.input_mask]
            if not (masks[0] & self.plan.table(table).measured_mask(len(named))).any():
                raise ConfigError(
                    f"{table} measures nothing of {', '.join(inputs)} that the network was shown; "
                    f"it has {', '.join(self.dataset(table).modality_names)}."
                )
        return list({m.tobytes(): m for m in masks}.values())

    def encode(
        self, table: str, inputs: Sequence[str] | None = None, rows: NDArray[np.intp] | None = None
    ) -> tuple[Matrix, Matrix]:
        """Encode cells of a table.

        Parameters
        ----------
        inputs
            Blocks that the encoder is to see; default all input masks of the table in training, latents averaged.
        rows
            Default all.

        Returns
        -------
        z : (networks, cells, latent)
            Free of the covariate.
        class_probabilities : (networks, cells, classes)
        """
        rows = np.arange(self.plan.table(table).n_cells) if rows is None else rows
        return encode_latent(self.trainer, table, rows, self.input_masks(table, inputs))

    def latent(self, table: str, inputs: Sequence[str] | None = None) -> Matrix:
        """(cells, latent) free of the covariate: of the first network, since latents of networks are not comparable."""
        first: Matrix = self.encode(table, inputs)[0][0]
        return first

    def decode(self, z: Matrix, block: str, covariate: NDArray[np.float32]) -> Matrix:
        """Decode latents in the units of the training: scaled values, log rates (nb) or logits (bernoulli).

        Parameters
        ----------
        z : (networks, cells, latent)
            Free of the covariate.
        covariate : (covariates,) or (cells, covariates)
            With which to decode.

        Returns
        -------
        (networks, cells, features of the block)
        """
        outputs = self.trainer.output_slices[block]
        return apply_decoder(self.trainer, lambda latent: self.trainer.model.decode(latent)[..., outputs], z, covariate)

    def decoder_activations(self, z: Matrix, covariate: NDArray[np.float32]) -> Matrix:
        """(networks, cells, units): the last hidden layer of the decoder; parameters as of `decode`."""
        return apply_decoder(self.trainer, self.trainer.model.decoder_activations, z, covariate)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Settings, versions, data with fingerprints."""
        tables = [t.name for t in self.plan.tables]
        return {
            "task": self.plan.task,
            "config": self.config.to_dict(),
            "data": {name: data.provenance for name, data in zip(tables, self.datasets, strict=True)},
            "epochs": len(self.history),
            "seconds": self.history[-1].seconds if self.history else 0.0,
            "device": dev.describe_device(self.trainer.device),
            **environment(),
        }

    def save(self, path: str | Path) -> Path:
        """Write the weights, the specification of the plan, and where the data came from, without the data themselves.

        Raises
        ------
        OutputError
            A path that cannot be written to.
        RunError
            A plan that `build_plan` did not make.
        """
        if self.plan.spec is None:
            raise RunError(
                "only a plan made by `build_plan` can be saved and made again; this one was put together otherwise."
            )
        metadata = {
            "recipe": self.plan.spec.to_dict(),
            "features": list(self.plan.features),
            "provenance": self.provenance,
        }
        tables = {"history": history_to_table(self.history)}
        return write_archive(Path(path), "plan", metadata, tables, self.trainer.model.state_dict())


def train(
    trainer: Trainer,
    datasets: Sequence[Dataset],
    finish: Callable[[Trained], T],
    *,
    checkpoint: str | Path | None = None,
) -> Generator[Epoch, None, T]:
    """Train networks: yields an `Epoch` after each, returns what `finish` makes of the result.

    Parameters
    ----------
    datasets
        One for each table of the plan, in its order.
    finish
        Run on the training's threads, and while the checkpoint is still kept.
    checkpoint
        File that keeps the state when training is stopped, and from which it goes on to the bit. Removed at the end.

    Raises
    ------
    RunError
        A checkpoint that cannot be used; a loss that is not a number.
    """
    with dev.limit_threads(trainer.config.threads), checkpointing(trainer, checkpoint) as save_checkpoint:
        history = yield from run_epochs(trainer, save_checkpoint)
        return finish(Trained(tuple(datasets), trainer, history))


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
    return (yield from train(trainer, datasets, lambda trained: trained, checkpoint=checkpoint))


def fit_plan(plan: Plan, datasets: Sequence[Dataset], config: Config | None = None) -> Trained:
    """Train any plan to the end of its epochs."""
    return exhaust(train_plan(plan, datasets, config))
