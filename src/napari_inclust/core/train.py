"""Training as a generator of epochs, with a checkpoint that is kept while it runs."""

from __future__ import annotations

import contextlib
import copy
import os
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import InclustWarning, RunError
from . import device as dev
from .config import Config
from .generators import driven
from .trainer import Trainer

if TYPE_CHECKING:
    from .run import Run
    from .section import Reference, Section

_CHECKPOINT_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class Epoch:
    """One step of the generator.

    Attributes
    ----------
    number, total
        1-based; `total` is the most there can be.
    seconds, remaining
        Since the start, and expected until the end.
    stage
        "training", then "scoring".
    terms
        Loss terms by name, averaged over the epoch and the members, already weighted; "loss" is their sum.
    validation
        The same sum on cells that no gradient sees, without noise.
    best
        Whether this is the best validation so far.
    """

    number: int
    total: int
    seconds: float
    remaining: float
    stage: str = "training"
    terms: dict[str, float] = field(default_factory=dict)
    validation: float = float("nan")
    best: bool = False


def epochs(
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
        Column of the reference's obs with cell types. The section's own labels are never used. Of a reference with more than `subsample.MOST` cells
        as many are drawn, by type; the run's provenance says so.
    batch
        Column of either obs with batches, an added covariate.
    checkpoint
        File that keeps the state when training is stopped (Ctrl-C, cancel, a crash), and from which it goes on to the bit. Removed at the end.

    Raises
    ------
    InclustError
        Data, settings or a checkpoint that cannot be used, before anything trains.
    """
    from .compose import imputation
    from .panel import align
    from .run import Run
    from .subsample import drawn

    config = config or Config()
    reference = drawn(reference, labels, config.seed)
    panel = align(section, reference)
    members = min(config.members, panel.n_shared // 2)
    if members < config.members:
        said = f"{panel.n_shared} shared genes are too few for {config.members} folds, which need {2 * config.members}: {members} folds are used instead."
        panel = replace(panel, notes=(*panel.notes, said))
        warnings.warn(said, InclustWarning, stacklevel=2)
    plan = imputation(section, reference, panel, members=members, seed=config.seed, components=config.components, labels=labels, batch=batch)
    trainer = Trainer(plan, config)
    with dev.threads(config.threads), kept(trainer, checkpoint) as keep:
        history = yield from steps(trainer, keep)
        return Run.finish(section, reference, panel, trainer, history, labels=labels, batch=batch)


def steps(trainer: Trainer, keep: Callable[[], None]) -> Generator[Epoch, None, list[Epoch]]:
    """Train the networks of any plan: yields an `Epoch` after each, leaves the weights to keep in them, returns the epochs.

    Parameters
    ----------
    keep
        Called at the end of each epoch, as `kept` gives it.

    Raises
    ------
    RunError
        A loss that is not a number.
    """
    total, history = trainer.config.epochs, list[Epoch]()
    start, first = time.perf_counter(), trainer.epoch
    while not trainer.done:
        terms, validation, best = trainer.run_epoch()
        seconds = time.perf_counter() - start
        left = seconds / (trainer.epoch - first) * (total - trainer.epoch)
        history.append(Epoch(trainer.epoch, total, seconds, left, "training", terms, validation, best))
        keep()
        yield history[-1]
    yield Epoch(trainer.epoch, total, time.perf_counter() - start, 0.0, "scoring")
    if trainer.config.keep == "best":
        trainer.model.load_state_dict(trainer.best_weights)
    return history


def fit(section: Section, reference: Reference, config: Config | None = None, *, progress: bool = False, **options: Any) -> Run:
    """Train without a loop of one's own: the generator of `epochs` driven to its end.

    Parameters
    ----------
    progress
        Print a line for each epoch.
    options
        As for `epochs`: labels, batch, checkpoint.
    """

    def tell(epoch: Epoch) -> None:
        if progress and epoch.terms:
            print(f"{epoch.stage} {epoch.number}/{epoch.total}  loss {epoch.terms['loss']:.3f}  {epoch.remaining:.0f} s left")
        elif progress:
            print(epoch.stage)

    return driven(epochs(section, reference, config, **options), tell)


@contextlib.contextmanager
def kept(trainer: Trainer, checkpoint: str | Path | None) -> Generator[Callable[[], None], None, None]:
    """Go on from a checkpoint file; keep one while training and when it is stopped, always of a whole epoch; remove it at the end.

    Raises
    ------
    RunError
        A checkpoint that is damaged, of other settings or another plan, or that cannot be written.
    """
    if checkpoint is None:
        yield lambda: None
        return
    path = Path(checkpoint)
    if path.exists():
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:
            raise RunError(f"{path} is no checkpoint, or a damaged one ({type(error).__name__}). Name another, or delete it to start afresh.") from error
        try:
            trainer.restore(state)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            raise RunError(f"{path} is no checkpoint of this training ({type(error).__name__}). Delete it to start afresh.") from error

    def save(state: dict[str, Any]) -> None:
        temporary = path.with_name(path.name + ".part")
        try:
            torch.save(state, temporary)
            os.replace(temporary, path)
        except OSError as error:
            raise RunError(f"cannot keep the checkpoint {path}: {error.strerror}.") from error
        finally:
            temporary.unlink(missing_ok=True)

    last, whole = time.perf_counter(), None

    def keep() -> None:
        nonlocal last, whole
        whole = copy.deepcopy(trainer.state())  # what is stopped within an epoch would repeat its first steps
        if time.perf_counter() - last > _CHECKPOINT_EVERY:
            save(whole)
            last = time.perf_counter()

    try:
        yield keep
    except BaseException:
        if whole is not None:
            save(whole)
        raise
    path.unlink(missing_ok=True)
