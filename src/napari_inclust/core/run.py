"""What training returns: weights, settings, panel, scores and provenance; imputes genes one at a time or in chunks."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import PanelError
from . import baselines
from .latent import Cells, encode
from .readout import Genes, build_readouts
from .score import metrics, zscore
from .stack import Stack, choose_weights, correlations

if TYPE_CHECKING:
    from .config import Config
    from .panel import Panel
    from .plan import Plan
    from .section import Reference, Section
    from .train import Epoch, Trainer

SAMPLE = 20_000
PACKAGES = ("napari-inclust", "torch", "numpy", "scipy", "scikit-learn", "anndata")


@dataclass(frozen=True, eq=False)
class Imputed:
    """One gene over all cells.

    Attributes
    ----------
    values, spread : (cells,) float32
        Log-normalised, on the reference's scale; standard deviation over the members.
    kind
        "imputed" (the section does not measure the gene) or "held-out" (it does; predicted by the member that never saw it).
    score
        Held-out Pearson of a measured gene; None for one that is not measured.
    """

    gene: str
    values: NDArray[np.float32]
    spread: NDArray[np.float32]
    kind: str
    score: float | None


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model with its data. Made by `train.fit`, or loaded with `napari_inclust.load_run`.

    Attributes
    ----------
    scores
        One row a shared gene, all from held-out predictions: the metrics of `score.METRICS`, and `pcc_gene_mean`, `pcc_type_mean`, `pcc_knn` of the baselines.
    weights
        Of each readout by name: entry m for the held-out genes of member m (chosen without them), the last for unmeasured genes.
    provenance
        Settings, seed, versions, fingerprints of the data, times.
    """

    section: Section
    reference: Reference
    panel: Panel
    trainer: Trainer
    history: list[Epoch]
    labels: str | None
    batch: str | None
    weights: list[dict[str, float]] = field(default_factory=list)
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return self.trainer.config

    @property
    def plan(self) -> Plan:
        return self.trainer.plan

    @property
    def device(self) -> str:
        from .device import describe

        return describe(self.trainer.device)

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene that can be shown: measured ones first, then those to impute."""
        return self.panel.genes

    def kind(self, gene: str) -> str:
        """ "measured" or "imputed"."""
        return "measured" if self.panel.index(gene) < self.panel.n_shared + self.panel.n_target_only else "imputed"

    @cached_property
    def sample(self) -> NDArray[np.intp]:
        """Rows of the section on which genes are standardised and scored: all, or a seeded sample of `SAMPLE` of a larger section."""
        n = self.section.n_cells
        return np.arange(n) if n <= SAMPLE else np.sort(np.random.default_rng(self.config.seed).choice(n, SAMPLE, replace=False))

    @cached_property
    def cells(self) -> Cells:
        """The sampled cells of the section."""
        return encode(self.trainer, "section", self.sample)

    @property
    def predicted_type(self) -> NDArray[np.str_] | None:
        """(cells,) the class with the highest mean probability over the members; None without labels."""
        if not self.plan.classes:
            return None
        everyone = self.cells if len(self.sample) == self.section.n_cells else encode(self.trainer, "section", np.arange(self.section.n_cells))
        names: NDArray[np.str_] = np.array(self.plan.classes)[everyone.classes.mean(0).argmax(1)]
        return names

    @cached_property
    def _types(self) -> NDArray[np.intp] | None:
        """Of the sampled cells."""
        return self.cells.classes.mean(0).argmax(1) if self.plan.classes else None

    @cached_property
    def _fold(self) -> NDArray[np.intp]:
        """(shared genes,) the member that each was hidden from."""
        fold: NDArray[np.intp] = self.plan.hidden[:, : self.panel.n_shared].argmax(0)
        return fold

    @cached_property
    def _truth(self) -> NDArray[np.float32]:
        """(sampled cells, shared genes) log-normalised."""
        truth: NDArray[np.float32] = self._measured[self.sample].toarray()
        return truth

    @cached_property
    def _measured(self) -> sp.csr_matrix:
        """(cells, shared genes) log-normalised."""
        return self.plan.table("section").lognormalised()

    @cached_property
    def _genes(self) -> Genes:
        return Genes(self.plan.table("reference").lognormalised(), self.panel.n_shared)

    @cached_property
    def stack(self) -> Stack:
        readouts = build_readouts(self.trainer, self._genes, self.cells)
        weights = np.array([[row[r.name] for r in readouts] for row in self.weights]) if self.weights else np.zeros((0, len(readouts)))
        return Stack(readouts, weights, self.cells, self.plan.members)

    @classmethod
    def finish(
        cls, section: Section, reference: Reference, panel: Panel, trainer: Trainer, history: list[Epoch], *, labels: str | None, batch: str | None
    ) -> Run:
        """Weigh the readouts by the held-out genes, score every shared gene, and write down where all came from."""
        raw = cls(section, reference, panel, trainer, history, labels, batch)
        fold, truth = raw._fold, raw._truth
        held_out = []
        for readout in raw.stack.readouts:
            predicted = np.zeros_like(truth)
            for m in range(raw.plan.members):
                predicted[:, fold == m] = zscore(readout.predict(raw.cells, m, np.flatnonzero(fold == m)))
            held_out.append(predicted)
        agreement, overlap = correlations(held_out, truth)
        rows = [choose_weights(agreement[fold != m], overlap[fold != m]) for m in range(raw.plan.members)] + [choose_weights(agreement, overlap)]
        weights = [{r.name: float(w) for r, w in zip(raw.stack.readouts, row, strict=True)} for row in rows]
        run = cls(section, reference, panel, trainer, history, labels, batch, weights, provenance=raw._origin())
        scores = metrics(truth, run._held_out(np.arange(panel.n_shared)), run._types)
        scores.index = pd.Index(panel.shared, name="gene")
        for name, predicted in run._baselines().items():
            scores[f"pcc_{name}"] = metrics(truth, predicted)["pcc"].to_numpy()
        return cls(section, reference, panel, trainer, history, labels, batch, weights, scores, run.provenance)

    def _baselines(self) -> dict[str, NDArray[Any]]:
        """Predictions of the shared genes (sampled cells, shared), each from the genes of the other folds only."""
        n, reference = self.panel.n_shared, self.plan.table("reference")
        values = self._genes.matrix[:, :n].toarray()
        ours, theirs = zscore(self._truth), zscore(values)
        out = {"gene_mean": np.tile(values.mean(0), (len(ours), 1)), "knn": np.zeros_like(ours)}
        if self.plan.classes:
            out["type_mean"] = np.zeros_like(ours)
        for m in range(self.plan.members):
            fold = np.flatnonzero(self._fold == m)
            rest = np.flatnonzero(self._fold != m)
            out["knn"][:, fold] = baselines.knn_weights(ours[:, rest], theirs[:, rest], self.config.seed) @ values[:, fold]
            if self.plan.classes:
                means = baselines.type_means(self._genes.matrix[:, fold].tocsr(), reference.labels, len(self.plan.classes))
                out["type_mean"][:, fold] = means[self.cells.classes[m].argmax(1)]
        return out

    def _to_values(self, z: NDArray[Any], features: NDArray[np.intp]) -> NDArray[np.float32]:
        """Standardised predictions on the reference's log-normalised scale."""
        out: NDArray[np.float32] = np.clip(self._genes.mean[features] + z * self._genes.sd[features], 0, None).astype(np.float32)
        return out

    def _held_out(self, features: NDArray[np.intp], cells: Cells | None = None) -> NDArray[np.float32]:
        """(cells, shared features), each from the one member that it was hidden from, with weights chosen without its fold."""
        out = np.zeros(((cells or self.cells).n, len(features)), dtype=np.float32)
        for m in np.unique(self._fold[features]):
            here = self._fold[features] == m
            out[:, here] = self._to_values(self.stack.predict(int(m), features[here], cells, honest=True), features[here])
        return out

    def _predict(self, features: NDArray[np.intp], cells: Cells | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Values and spread (cells, features): mean and standard deviation over the members; a shared gene has its held-out values."""
        each = np.stack([self._to_values(self.stack.predict(m, features, cells, honest=False), features) for m in range(self.plan.members)])
        values, spread = each.mean(0), each.std(0)
        shared = np.flatnonzero(features < self.panel.n_shared)
        if len(shared):
            values[:, shared] = self._held_out(features[shared], cells)
        return values, spread

    def held_out(self) -> pd.DataFrame:
        """Held-out predictions of all shared genes: (cells, shared genes), log-normalised, cells in the section's order."""
        values = np.hstack([chunk[1] for chunk in self.chunks(self.panel.shared)])
        return pd.DataFrame(values, index=self.section.adata.obs_names, columns=list(self.panel.shared))

    def measured(self, gene: str) -> NDArray[np.float32] | None:
        """(cells,) log-normalised measured values; None for a gene that the section lacks."""
        from . import values as val

        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            column: NDArray[np.float32] = self._measured[:, [i]].toarray().ravel()
            return column
        if i >= self.panel.n_shared + self.panel.n_target_only:
            return None
        total = val.library_size(self.section.matrix[:, self.panel.target_columns[: self.panel.n_shared]])
        column = val.lognormalise(self.section.matrix[:, [self.panel.target_columns[i]]], self.section.values.kind, total).toarray().ravel()
        return column

    def impute(self, gene: str) -> Imputed:
        """One gene over all cells.

        Raises
        ------
        PanelError
            A gene that the reference lacks.
        """
        values, spread, kinds, scores = next(iter(self.chunks([gene], 1)))[1:]
        return Imputed(self.panel.genes[self.panel.index(gene)], values[:, 0], spread[:, 0], kinds[0], scores[0])

    def chunks(self, genes: Sequence[str], size: int = 64) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.float32], list[str], list[float | None]]]:
        """Genes in groups of `size`: names, values and spread (cells, size), kinds, scores. Memory does not grow with the number of genes."""
        features = np.array([self._feature(g) for g in genes], dtype=np.intp)
        for start in range(0, len(features), size):
            part = features[start : start + size]
            values, spread = self._everywhere(part)
            kinds = ["held-out" if f < self.panel.n_shared else "imputed" for f in part]
            scores = [float(self.scores["pcc"].iloc[f]) if f < self.panel.n_shared else None for f in part]
            yield [self.plan.features[f] for f in part], values, spread, kinds, scores

    def _everywhere(self, features: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`_predict` for every cell of the section, in groups of cells when not all are in the sample."""
        n = self.section.n_cells
        if len(self.sample) == n:
            return self._predict(features)
        values, spread = np.zeros((2, n, len(features)), dtype=np.float32)
        for start in range(0, n, SAMPLE):
            rows = np.arange(start, min(start + SAMPLE, n))
            values[rows], spread[rows] = self._predict(features, encode(self.trainer, "section", rows))
        return values, spread

    def save(self, path: str | Path) -> Path:
        """Write the run as one file; see `store.save`."""
        from .store import save

        return save(self, path)

    def _feature(self, gene: str) -> int:
        """Position of a gene among the plan's features (shared, then reference-only)."""
        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            return i
        if i < self.panel.n_shared + self.panel.n_target_only:
            raise PanelError(f"{gene} is measured in the section but the reference lacks it, so it cannot be imputed. `run.measured` gives its values.")
        return i - self.panel.n_target_only

    def _origin(self) -> dict[str, Any]:
        data = {
            side: {"path": str(d.path) if d.path else None, "name": d.name, "cells": d.n_cells, "values": asdict(d.values), "source": d.source, "fingerprint": d.fingerprint}
            for side, d in (("section", self.section), ("reference", self.reference))
        }
        versions = {"python": platform.python_version()} | {p: metadata.version(p) for p in PACKAGES}
        return {
            "task": self.plan.task, "config": self.config.to_dict(), "labels": self.labels, "batch": self.batch, "device": self.device, "data": data,
            "genes": {"shared": self.panel.n_shared, "imputable": self.panel.n_reference_only}, "epochs": len(self.history), "seconds": self.history[-1].seconds if self.history else 0.0,
            "versions": versions, "platform": sys.platform, "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
