"""The networks of a plan and one epoch of their training, which depends on the task through the plan's masks alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ConfigError, RunError
from ..utils import device as dev
from . import losses as lik
from .alignment import sinkhorn_divergence
from .batches import TableRows
from .config import Config
from .network import Inclust, cross_entropy, mixture_kl, negative_entropy
from .plan import Block, Plan, Presentation

WARM_UP_FRACTION = 0.3  # fraction of the steps over which the KL weight grows
UNLABELLED_CLASSES = 20  # outputs of the classifier when nothing is labelled, as published
VALIDATION_FRACTION = 0.1  # fraction of the cells of each table that no gradient sees
_MAX_VALIDATION_CELLS = 500


class Trainer:
    """The networks of a plan, their optimiser and their random state: all that a checkpoint must hold.

    There is one network for each member and each candidate KL weight (network v * members + m has weight v): which of
    them are used is decided after training,
    by the held-out genes.
    """

    def __init__(self, plan: Plan, config: Config) -> None:
        self.plan, self.config = plan, config
        self.device = dev.select_device(config.device)
        self.input_indices = np.flatnonzero(plan.input_mask)
        self.output_indices = np.flatnonzero(np.any([p.output_mask for p in plan.presentations], axis=0))
        self.rng = torch.Generator().manual_seed(config.seed)
        self.n_kl_weights = len(config.kl_weights)
        self.n_networks = plan.n_members * self.n_kl_weights
        self.kl_weights = torch.tensor(config.kl_weights).repeat_interleave(plan.n_members).to(self.device)
        used = {b.likelihood for b in plan.blocks}
        if used & lik.RAW_VALUE_LIKELIHOODS and config.output != "linear":
            raise ConfigError(
                f"the likelihoods {', '.join(sorted(used & lik.RAW_VALUE_LIKELIHOODS))} need the output 'linear'; "
                f"it is {config.output!r}."
            )
        self.model = Inclust(
            len(self.input_indices),
            len(self.output_indices),
            len(self.input_indices) if plan.shared_encoder else len(plan.covariates),
            plan.n_classes or UNLABELLED_CLASSES,
            config,
            n_networks=self.n_networks,
            shared_encoder=plan.shared_encoder,
            with_dispersion=bool(used & lik.DISPERSION_LIKELIHOODS),
        )
        self.model.reset_parameters(self.rng)
        self.model.to(self.device)
        self.feature_indices = np.union1d(self.input_indices, self.output_indices)
        self.table_rows = {
            t.name: TableRows(t, self.feature_indices, plan.hidden_features, config.scale, config.clip, self.device)
            for t in plan.tables
        }
        self.output_slices = {b.name: self._output_slice(b) for b in plan.blocks}
        self.all_squared_error = used == {"squared"}
        self.covariates = {t.name: torch.from_numpy(t.covariates).to(self.device) for t in plan.tables}
        self.labels = {t.name: torch.from_numpy(t.labels.astype(np.int64)).to(self.device) for t in plan.tables}
        self.train_rows, self.validation_rows = {}, {}
        for t in plan.tables:
            order = torch.randperm(t.n_cells, generator=self.rng).numpy()
            held = min(int(VALIDATION_FRACTION * t.n_cells), _MAX_VALIDATION_CELLS)
            self.validation_rows[t.name], self.train_rows[t.name] = np.sort(order[:held]), np.sort(order[held:])
        self.total_steps = config.epochs * config.steps
        self._set_optimiser(self.model.parameters(), config.weight_decay)
        self.epoch = 0
        self.best_validation, self.best_epoch = float("inf"), 0
        self.best_weights = self._copy_weights()

    def _output_slice(self, block: Block) -> slice:
        """Positions of a block among the outputs."""
        start, stop = np.searchsorted(self.output_indices, [block.start, block.stop])
        return slice(int(start), int(stop))

    def train_only_covariates(self, covariate_indices: Sequence[int]) -> None:
        """Train only the embeddings of some covariates from now on: every other weight stays, to the bit.

        Raises
        ------
        ConfigError
            Covariates that go through the shared encoder have no embedding of their own.
        """
        if self.model.covariate is None:
            raise ConfigError("with a shared encoder the covariates have no weights of their own to train.")
        for p in self.model.parameters():
            p.requires_grad_(False)
        weight = self.model.covariate.weight.requires_grad_(True)
        chosen = torch.zeros_like(weight)
        chosen[:, list(covariate_indices)] = 1
        weight.register_hook(lambda gradient: gradient * chosen)  # type: ignore[no-untyped-call]
        self._set_optimiser([weight], weight_decay=0.0)

    def _set_optimiser(self, parameters: Iterable[Tensor], weight_decay: float) -> None:
        self.optimiser = torch.optim.AdamW(
            parameters, lr=self.config.learning_rate, weight_decay=weight_decay, fused=self.device.type != "mps"
        )
        schedules = torch.optim.lr_scheduler
        if self.config.schedule == "constant":
            self.schedule: torch.optim.lr_scheduler.LRScheduler = schedules.ConstantLR(self.optimiser, factor=1.0)
        else:
            self.schedule = schedules.OneCycleLR(
                self.optimiser, self.config.learning_rate, total_steps=self.total_steps + 1
            )

    def masks(self, p: Presentation) -> tuple[Tensor, Tensor]:
        """Build input (networks, 1, F) and output (networks, 1, G) masks of a presentation, without each member's fold.

        Without `mask_input` (as published) the fold is left out only where the presentation says `hides_output`: such a
        table represents one that does not measure those features.
        """
        hidden = (
            self.plan.hidden_features
            if self.config.mask_input or p.hides_output
            else np.zeros_like(self.plan.hidden_features)
        )
        inputs = (p.input_mask & ~hidden)[:, None, self.input_indices]
        outputs = (
            p.output_mask & ~self.plan.hidden_features
            if p.hides_output
            else np.broadcast_to(p.output_mask, hidden.shape)
        )[:, None, self.output_indices]
        m_in, m_out = (
            torch.from_numpy(m.astype(np.float32)).to(self.device).repeat(self.n_kl_weights, 1, 1)
            for m in (inputs, outputs)
        )
        return m_in, m_out

    def get_batch(self, table: str, rows: NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return inputs (networks, B, F), targets (networks, B, G), covariates (B, C) and labels (B,) of some rows."""
        index = torch.from_numpy(rows).to(self.device)
        both = self.table_rows[table].take(rows)
        both = (
            both.expand(self.n_networks, -1, -1)
            if len(both) == 1 or self.n_kl_weights == 1
            else both.repeat(self.n_kl_weights, 1, 1)
        )
        x, y = both, both
        if len(self.input_indices) < len(self.feature_indices):
            x = both[..., np.searchsorted(self.feature_indices, self.input_indices)]
        if len(self.output_indices) < len(self.feature_indices):
            y = both[..., np.searchsorted(self.feature_indices, self.output_indices)]
        return x, y, self.covariates[table][index], self.labels[table][index]

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.rng).to(self.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.rng).to(self.device)

    def loss_terms(self, rows: dict[str, NDArray[np.intp]], warm_up: float, *, training: bool) -> dict[str, Tensor]:
        """Compute the weighted loss terms (networks,) on the given rows of each table."""
        c, xs, ys, covariates, labels, outs = self.config, [], [], [], [], []
        for p in self.plan.presentations:
            x, y, cov, lab = self.get_batch(p.table, rows[p.table])
            m_in, m_out = self.masks(p)
            if training and c.noise:
                x = x + c.noise * self._normal(*x.shape)
            if training and c.masking:
                m_in = m_in * (self._uniform(*x.shape) > c.masking * self._uniform(*x.shape[:2], 1))
            xs.append(x * m_in)
            ys.append(y)
            outs.append(m_out.expand(-1, y.shape[1], -1))
            covariates.append(cov)
            labels.append(lab)
        encoded = self.model.encode(torch.cat(xs, 1), torch.cat(covariates).expand(self.n_networks, -1, -1))
        logits = self.model.classify(encoded.z)
        sample = encoded.mu + self._normal(*encoded.mu.shape) * (0.5 * encoded.logvar).exp() if training else encoded.mu
        x_hat, target, mask = self.model.decode(sample), torch.cat(ys, 1), torch.cat(outs, 1)
        reconstruction = (
            lik.squared_error(target, x_hat, mask)
            if self.all_squared_error
            else self._reconstruction_loss(target, x_hat, mask, rows)
        )
        terms = {
            "reconstruction": c.reconstruction_weight * reconstruction,
            "prior": warm_up * self.kl_weights * mixture_kl(encoded, self.model.centres, logits),
        }
        if self.plan.classes:
            terms["labels"] = c.label_weight * cross_entropy(logits, torch.cat(labels))
        else:
            terms["entropy"] = c.entropy_weight * negative_entropy(logits)
        if c.align_weight:
            terms["alignment"] = warm_up * c.align_weight * self._alignment_loss(encoded.z, [x.shape[1] for x in xs])
        return terms

    def _reconstruction_loss(
        self, target: Tensor, x_hat: Tensor, mask: Tensor, rows: dict[str, NDArray[np.intp]]
    ) -> Tensor:
        """Each block by its own likelihood: (networks,)."""
        total = x_hat.new_zeros(self.n_networks)
        for block in self.plan.blocks:
            outputs = self.output_slices[block.name]
            hat, m = x_hat[..., outputs], mask[..., outputs]
            spread = self.model.spread[..., outputs] if self.model.spread is not None else hat
            if block.likelihood in lik.RAW_VALUE_LIKELIHOODS:
                counts, depth = self._raw_values(block, rows)
            if block.likelihood == "squared":
                total = total + lik.squared_error(target[..., outputs], hat, m)
            elif block.likelihood == "gaussian":
                total = total + lik.gaussian_nll(target[..., outputs], hat, m, spread)
            elif block.likelihood == "nb":
                total = total + lik.negative_binomial_nll(counts, hat, m, spread, depth)
            else:
                total = total + lik.bernoulli_nll(counts, hat, m)
        return total

    def _raw_values(self, block: Block, rows: dict[str, NDArray[np.intp]]) -> tuple[Tensor, Tensor]:
        """Values before scaling (B, columns of the block) and depths (B, 1), presentation after presentation."""
        values, depths = [], []
        first = int(self.output_indices[self.output_slices[block.name].start])
        for p in self.plan.presentations:
            columns, raw, depth = self.table_rows[p.table].raw_values(block.name, rows[p.table])
            out = raw.new_zeros(len(raw), self.output_slices[block.name].stop - self.output_slices[block.name].start)
            out[:, columns - int(np.searchsorted(self.feature_indices, first))] = raw
            values.append(out)
            depths.append(depth)
        return torch.cat(values), torch.cat(depths)

    def _alignment_loss(self, z: Tensor, sizes: list[int]) -> Tensor:
        """Unbalanced transport between the latents of the first table and of each other one: (networks,)."""
        clouds: dict[str, list[Tensor]] = {}
        for p, part in zip(self.plan.presentations, torch.split(z, sizes, 1), strict=True):
            clouds.setdefault(p.table, []).append(part)
        first, *others = (torch.cat(c, 1) for c in clouds.values())
        return sum((sinkhorn_divergence(first, other) for other in others), z.new_zeros(self.n_networks))

    def run_epoch(self) -> tuple[dict[str, float], float, bool]:
        """Train one epoch, then validate.

        Returns
        -------
        terms
            Mean of each loss term over the steps; "loss" is their sum.
        validation
            Loss on the validation cells.
        better
            Whether it is the best so far.

        Raises
        ------
        RunError
            A loss that is not a number.
        """
        c = self.config
        totals: dict[str, float] = {}
        for step in range(self.epoch * c.steps, (self.epoch + 1) * c.steps):
            rows = {}
            for p in self.plan.presentations:
                pool = self.train_rows[p.table]
                rows[p.table] = pool[torch.randint(len(pool), (c.batch,), generator=self.rng).numpy()]
            terms = self.loss_terms(
                rows, min(1.0, (step + 1) / max(1.0, WARM_UP_FRACTION * self.total_steps)), training=True
            )
            self.optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
            for name, value in terms.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach().mean()) / c.steps
        self.epoch += 1
        with torch.no_grad():
            validation = sum(
                float(v.mean()) for v in self.loss_terms(self.validation_rows, 1.0, training=False).values()
            )
        if not np.isfinite(validation):
            raise RunError(
                f"training diverged in epoch {self.epoch}: the loss is not a number. "
                f"Use a lower learning_rate than {c.learning_rate:g}."
            )
        better = validation < self.best_validation
        if better:
            self.best_validation, self.best_epoch, self.best_weights = validation, self.epoch, self._copy_weights()
        totals["loss"] = sum(totals.values())
        return totals, validation, better

    @property
    def done(self) -> bool:
        """Whether all epochs are trained, or too many without a better validation loss."""
        return self.epoch >= self.config.epochs or self.epoch - self.best_epoch >= self.config.patience

    def _copy_weights(self) -> dict[str, Tensor]:
        return {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on."""
        return {
            "config": self.config.to_dict(),
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": self.rng.get_state(),
            "epoch": self.epoch,
            "best": self.best_validation,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
            "features": list(self.plan.features),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a `state_dict`; the next epochs are then the same to the bit.

        Raises
        ------
        RunError
            The checkpoint was made with other settings or another panel.
        """
        ours = self.config.to_dict()
        other = [k for k, v in state["config"].items() if k not in ("device", "threads") and ours.get(k) != v]
        if other:
            raise RunError(
                f"the checkpoint was made with another {other[0]} ({state['config'][other[0]]!r}, "
                f"now {ours.get(other[0])!r}). Use its settings, or start afresh."
            )
        if state["features"] != list(self.plan.features):
            raise RunError("the checkpoint was made with another panel of genes. Use the same files, or start afresh.")
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.rng.set_state(state["random"])
        self.epoch, self.best_validation, self.best_epoch, self.best_weights = (
            state["epoch"],
            state["best"],
            state["best_epoch"],
            state["best_weights"],
        )
