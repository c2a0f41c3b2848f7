"""Training as a generator of epochs, with a checkpoint that is kept while it runs."""

from __future__ import annotations

import contextlib
import copy
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import RunError
from .trainer import Trainer

_CHECKPOINT_INTERVAL = 60.0  # seconds


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


def run_epochs(trainer: Trainer, save_checkpoint: Callable[[], None]) -> Generator[Epoch, None, list[Epoch]]:
    """Train networks: yields an `Epoch` after each, leaves the selected weights in them, returns the epochs.

    Parameters
    ----------
    save_checkpoint
        Called at the end of each epoch, as `checkpointing` yields it.

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
        save_checkpoint()
        yield history[-1]
    yield Epoch(trainer.epoch, total, time.perf_counter() - start, 0.0, "scoring")
    if trainer.config.keep == "best":
        trainer.model.load_state_dict(trainer.best_weights)
    return history


@contextlib.contextmanager
def checkpointing(trainer: Trainer, checkpoint: str | Path | None) -> Generator[Callable[[], None], None, None]:
    """Resume from a checkpoint file, write it while training and when stopped (whole epochs), remove it at the end.

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
            raise RunError(
                f"{path} is no checkpoint, or a damaged one ({type(error).__name__}). "
                "Name another, or delete it to start afresh."
            ) from error
        try:
            trainer.load_state_dict(state)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
            raise RunError(
                f"{path} is no checkpoint of this training ({type(error).__name__}). Delete it to start afresh."
            ) from error

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
        whole = copy.deepcopy(trainer.state_dict())  # what is stopped within an epoch would repeat its first steps
        if time.perf_counter() - last > _CHECKPOINT_INTERVAL:
            save(whole)
            last = time.perf_counter()

    try:
        yield keep
    except BaseException:
        if whole is not None:
            save(whole)
        raise
    path.unlink(missing_ok=True)
