"""Imputation from two data sets: match the genes, build the plan, train it, score the held-out genes."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..data.panel import align
from ..data.section import Reference, Section
from ..data.subsample import subsample_reference
from ..errors import InclustWarning
from ..training.build_plan import build_imputation_plan
from ..training.config import Config
from ..training.loop import Epoch
from ..training.trained import train
from ..training.trainer import Trainer
from ..utils.progress import exhaust
from .run import Run


def fit_epochs(
    section: Section,
    reference: Reference,
    config: Config | None = None,
    *,
    labels: str | None = None,
    batch: str | None = None,
    checkpoint: str | Path | None = None,
) -> Generator[Epoch, None, Run]:
    """Train on a section and a reference: yields an `Epoch` after each, returns the `Run`.

    Parameters
    ----------
    labels
        Column of the reference's obs with cell types. The section's own labels are never used. Of a reference with more
        than `subsample.MAX_REFERENCE_CELLS` cells as many are drawn, by type, as the run's provenance records.
    batch
        Column of either obs with batches, an added covariate.
    checkpoint
        File that keeps the state when training is stopped (Ctrl-C, cancel, a crash), and from which it goes on to the
        bit. Removed at the end.

    Raises
    ------
    InclustError
        Data, settings or a checkpoint that cannot be used, before the training starts.
    """
    config = config or Config()
    reference = subsample_reference(reference, labels, config.seed)
    panel = align(section, reference)
    members = min(config.members, panel.n_shared // 2)
    if members < config.members:
        note = (
            f"{panel.n_shared} shared genes are too few for {config.members} folds, which need {2 * config.members}: "
            f"{members} folds are used instead."
        )
        panel = replace(panel, notes=(*panel.notes, note))
        warnings.warn(note, InclustWarning, stacklevel=2)
    plan = build_imputation_plan(
        section,
        reference,
        panel,
        members=members,
        seed=config.seed,
        components=config.components,
        labels=labels,
        batch=batch,
    )
    finish = partial(Run.from_trained, panel=panel, labels=labels, batch=batch)
    return (yield from train(Trainer(plan, config), (reference, section), finish, checkpoint=checkpoint))


def fit(
    section: Section, reference: Reference, config: Config | None = None, *, progress: bool = False, **options: Any
) -> Run:
    """Train on a section and a reference to the last epoch.

    Parameters
    ----------
    progress
        Print a line for each epoch.
    options
        As for `fit_epochs`: labels, batch, checkpoint.
    """

    def print_epoch(epoch: Epoch) -> None:
        if progress and epoch.terms:
            print(
                f"{epoch.stage} {epoch.number}/{epoch.total}  "
                f"loss {epoch.terms['loss']:.3f}  {epoch.remaining:.0f} s left"
            )
        elif progress:
            print(epoch.stage)

    return exhaust(fit_epochs(section, reference, config, **options), print_epoch)
