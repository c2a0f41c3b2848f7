"""Training as a generator of epochs. The network and the plan know nothing of each other's task; this loop shows rows to one and updates the other."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RunError
from . import device as dev
from .config import Config
from .model import Inclust, cross_entropy, entropy, mixture_kl, reconstruction
from .plan import Plan, Presentation
from .rows import Rows

if TYPE_CHECKING:
    from .run import Run
    from .section import Reference, Section

WARM_UP = 0.3  # fraction of the steps over which the KL weight grows
UNLABELLED_CLASSES = 20  # outputs of the classifier when nothing is labelled, as published
VALIDATION = 0.1  # fraction of the cells of each table that no gradient sees
_MAX_VALIDATION = 500
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


class Trainer:
    """The networks of a plan, their optimiser and their random state: all that a checkpoint must hold.

    There is one network for each member and each candidate KL weight (network v * members + m has weight v): which of them to believe is decided after training,
    by the held-out genes.
    """

    def __init__(self, plan: Plan, config: Config) -> None:
        self.plan, self.config = plan, config
        self.device = dev.choose(config.device)
        self.inputs = np.flatnonzero(plan.inputs)
        self.outputs = np.flatnonzero(np.any([p.outputs for p in plan.presentations], axis=0))
        self.random = torch.Generator().manual_seed(config.seed)
        self.variants = len(config.kl_weights)
        self.networks = plan.members * self.variants
        self.kl_weights = torch.tensor(config.kl_weights).repeat_interleave(plan.members).to(self.device)
        n_classes = len(plan.classes) or UNLABELLED_CLASSES
        self.model = Inclust(len(self.inputs), len(self.outputs), len(plan.covariates), n_classes, config, members=self.networks)
        self.model.reset(self.random)
        self.model.to(self.device)
        self.columns = np.union1d(self.inputs, self.outputs)
        self.rows = {t.name: Rows(t, self.columns, plan.hidden, config.scale, config.clip, self.device) for t in plan.tables}
        self.covariates = {t.name: torch.from_numpy(t.covariates).to(self.device) for t in plan.tables}
        self.labels = {t.name: torch.from_numpy(t.labels.astype(np.int64)).to(self.device) for t in plan.tables}
        self.train_rows, self.validation_rows = {}, {}
        for t in plan.tables:
            order = torch.randperm(t.n_cells, generator=self.random).numpy()
            held = min(int(VALIDATION * t.n_cells), _MAX_VALIDATION)
            self.validation_rows[t.name], self.train_rows[t.name] = np.sort(order[:held]), np.sort(order[held:])
        self.total_steps = config.epochs * config.steps
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, config.learning_rate, total_steps=self.total_steps + 1)
        self.epoch = 0
        self.best, self.best_epoch = float("inf"), 0
        self.best_weights = self._weights()

    def masks(self, p: Presentation) -> tuple[Tensor, Tensor]:
        """Input (networks, 1, F) and output (networks, 1, G) masks of a presentation: each member lacks its fold."""
        hidden = self.plan.hidden if self.config.mask_input else np.zeros_like(self.plan.hidden)
        inputs = (p.inputs & ~hidden)[:, None, self.inputs]
        outputs = (p.outputs & ~self.plan.hidden if p.hides else np.broadcast_to(p.outputs, hidden.shape))[:, None, self.outputs]
        m_in, m_out = (torch.from_numpy(m.astype(np.float32)).to(self.device).repeat(self.variants, 1, 1) for m in (inputs, outputs))
        return m_in, m_out

    def take(self, table: str, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs (networks, B, F), targets (networks, B, G), covariates (B, C), labels (B,) of some rows."""
        index = torch.from_numpy(rows).to(self.device)
        both = self.rows[table].take(rows)
        both = both.expand(self.plan.members, -1, -1).repeat(self.variants, 1, 1) if len(both) == 1 else both.repeat(self.variants, 1, 1)
        x, y = both, both
        if len(self.inputs) < len(self.columns):
            x = both[..., np.searchsorted(self.columns, self.inputs)]
        if len(self.outputs) < len(self.columns):
            y = both[..., np.searchsorted(self.columns, self.outputs)]
        return x, y, self.covariates[table][index], self.labels[table][index]

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.random).to(self.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random).to(self.device)

    def loss(self, rows: dict[str, NDArray[np.intp]], warm_up: float, *, noisy: bool) -> dict[str, Tensor]:
        """Weighted loss terms (networks,) on the given rows of each table."""
        c, xs, ys, covariates, labels, outs = self.config, [], [], [], [], []
        for p in self.plan.presentations:
            x, y, cov, lab = self.take(p.table, rows[p.table])
            m_in, m_out = self.masks(p)
            if noisy and c.noise:
                x = x + c.noise * self._normal(*x.shape)
            if noisy and c.masking:
                m_in = m_in * (self._uniform(*x.shape) > c.masking * self._uniform(*x.shape[:2], 1))
            xs.append(x * m_in)
            ys.append(y)
            outs.append(m_out.expand(-1, y.shape[1], -1))
            covariates.append(cov)
            labels.append(lab)
        encoded = self.model.encode(torch.cat(xs, 1), torch.cat(covariates).expand(self.networks, -1, -1))
        logits = self.model.classify(encoded.z)
        sample = encoded.mu + self._normal(*encoded.mu.shape) * (0.5 * encoded.logvar).exp() if noisy else encoded.mu
        terms = {
            "reconstruction": c.reconstruction_weight * reconstruction(torch.cat(ys, 1), self.model.decode(sample), torch.cat(outs, 1)),
            "prior": warm_up * self.kl_weights * mixture_kl(encoded, self.model.centres, logits),
        }
        if self.plan.classes:
            terms["labels"] = c.label_weight * cross_entropy(logits, torch.cat(labels))
        else:
            terms["entropy"] = entropy(logits)
        return terms

    def run_epoch(self) -> tuple[dict[str, float], float, bool]:
        """One epoch: steps, then validation. Returns the terms (mean over the steps), the validation loss and whether it is the best so far."""
        c = self.config
        totals: dict[str, float] = {}
        for step in range(self.epoch * c.steps, (self.epoch + 1) * c.steps):
            rows = {}
            for p in self.plan.presentations:
                pool = self.train_rows[p.table]
                rows[p.table] = pool[torch.randint(len(pool), (max(1, round(c.batch * p.share)),), generator=self.random).numpy()]
            terms = self.loss(rows, min(1.0, (step + 1) / max(1.0, WARM_UP * self.total_steps)), noisy=True)
            self.optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach().mean()) / c.steps
        self.epoch += 1
        with torch.no_grad():
            validation = sum(float(v.mean()) for v in self.loss(self.validation_rows, 1.0, noisy=False).values())
        if not np.isfinite(validation):
            raise RunError(f"training diverged in epoch {self.epoch}: the loss is not a number. Use a lower learning_rate than {c.learning_rate:g}.")
        better = validation < self.best
        if better:
            self.best, self.best_epoch, self.best_weights = validation, self.epoch, self._weights()
        totals["loss"] = sum(totals.values())
        return totals, validation, better

    @property
    def done(self) -> bool:
        return self.epoch >= self.config.epochs or self.epoch - self.best_epoch >= self.config.patience

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "config": self.config.to_dict(), "model": self.model.state_dict(), "optimiser": self.optimiser.state_dict(), "schedule": self.schedule.state_dict(),
            "random": self.random.get_state(), "epoch": self.epoch, "best": self.best, "best_epoch": self.best_epoch, "best_weights": self.best_weights,
            "features": list(self.plan.features),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`; the next epochs are then the same to the bit.

        Raises
        ------
        RunError
            The checkpoint was made with other settings or another panel.
        """
        ours = self.config.to_dict()
        other = [k for k, v in state["config"].items() if k not in ("device", "threads") and ours.get(k) != v]
        if other:
            raise RunError(
                f"the checkpoint was made with another {other[0]} ({state['config'][other[0]]!r}, now {ours.get(other[0])!r}). Use its settings, or start afresh."
            )
        if state["features"] != list(self.plan.features):
            raise RunError("the checkpoint was made with another panel of genes. Use the same files, or start afresh.")
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.random.set_state(state["random"])
        self.epoch, self.best, self.best_epoch, self.best_weights = state["epoch"], state["best"], state["best_epoch"], state["best_weights"]


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
        Column of the reference's obs with cell types. The section's own labels are never used.
    batch
        Column of either obs with batches, an added covariate.
    checkpoint
        File that keeps the state when training is stopped (Ctrl-C, cancel, a crash), and from which it goes on to the bit. Removed at the end.

    Raises
    ------
    InclustError
        Data, settings or a checkpoint that cannot be used, before anything trains.
    """
    from .panel import align
    from .plan import imputation
    from .run import Run

    config = config or Config()
    panel = align(section, reference)
    members = min(config.members, panel.n_shared // 2)
    plan = imputation(section, reference, panel, members=members, seed=config.seed, components=config.components, labels=labels, batch=batch)
    with dev.threads(config.threads):
        trainer = Trainer(plan, config)
        history: list[Epoch] = []
        with _kept(trainer, Path(checkpoint) if checkpoint else None) as keep:
            start, first = time.perf_counter(), trainer.epoch
            while not trainer.done:
                terms, validation, best = trainer.run_epoch()
                seconds = time.perf_counter() - start
                left = seconds / (trainer.epoch - first) * (config.epochs - trainer.epoch)
                history.append(Epoch(trainer.epoch, config.epochs, seconds, left, "training", terms, validation, best))
                yield history[-1]
                keep()
            yield Epoch(trainer.epoch, config.epochs, time.perf_counter() - start, 0.0, "scoring")
            trainer.model.load_state_dict(trainer.best_weights)
            return Run.finish(section, reference, panel, trainer, history, labels=labels, batch=batch)


def fit(section: Section, reference: Reference, config: Config | None = None, *, progress: bool = False, **options: Any) -> Run:
    """Train without a loop of one's own: the generator of `epochs` driven to its end.

    Parameters
    ----------
    progress
        Print a line for each epoch.
    options
        As for `epochs`: labels, batch, checkpoint.
    """
    steps = epochs(section, reference, config, **options)
    while True:
        try:
            epoch = next(steps)
        except StopIteration as end:
            run: Run = end.value
            return run
        if progress:
            print(f"{epoch.stage} {epoch.number}/{epoch.total}  loss {epoch.terms.get('loss', float('nan')):.3f}  {epoch.remaining:.0f} s left")


@contextlib.contextmanager
def _kept(trainer: Trainer, path: Path | None) -> Generator[Any, None, None]:
    """Go on from a checkpoint file; keep one while training and when it is stopped; remove it at the end."""
    if path is None:
        yield lambda: None
        return
    if path.exists():
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:
            raise RunError(f"the checkpoint {path} is damaged ({type(error).__name__}). Delete it to start afresh.") from error
        trainer.restore(state)

    def save() -> None:
        temporary = path.with_name(path.name + ".part")
        try:
            torch.save(trainer.state(), temporary)
            os.replace(temporary, path)
        except OSError as error:
            raise RunError(f"cannot keep the checkpoint {path}: {error.strerror}.") from error
        finally:
            temporary.unlink(missing_ok=True)

    last = time.perf_counter()

    def keep() -> None:
        nonlocal last
        if time.perf_counter() - last > _CHECKPOINT_EVERY:
            save()
            last = time.perf_counter()

    try:
        yield keep
    except BaseException:
        if trainer.epoch:
            save()
        raise
    path.unlink(missing_ok=True)
