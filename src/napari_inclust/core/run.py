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
from numpy.typing import NDArray

from ..errors import PanelError
from . import baselines
from .latent import Latents, encode
from .readout import Blend, Readout, choose_weights, dense_or_sparse
from .score import metrics, zscore

if TYPE_CHECKING:
    from .config import Config
    from .panel import Panel
    from .plan import Plan
    from .section import Reference, Section
    from .train import Epoch, Trainer

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
        Of each readout in the blend, by name.
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
    weights: dict[str, float] = field(default_factory=dict)
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
    def latents(self) -> Latents:
        """Of the section's cells."""
        return encode(self.trainer, "section")

    @cached_property
    def reference_latents(self) -> Latents:
        return encode(self.trainer, "reference")

    @property
    def predicted_type(self) -> NDArray[np.str_] | None:
        """(cells,) the class with the highest mean probability over the members; None without labels."""
        return None if self._types is None else np.array(self.plan.classes)[self._types]

    @cached_property
    def _types(self) -> NDArray[np.intp] | None:
        return self.latents.classes.mean(0).argmax(1) if self.plan.classes else None

    @cached_property
    def _fold(self) -> NDArray[np.intp]:
        """(shared genes,) the member that each was hidden from."""
        fold: NDArray[np.intp] = self.plan.hidden[:, : self.panel.n_shared].argmax(0)
        return fold

    @cached_property
    def _truth(self) -> NDArray[np.float32]:
        """(cells, shared genes) log-normalised."""
        truth: NDArray[np.float32] = self.plan.table("section").matrix.toarray()
        return truth

    @cached_property
    def blend(self) -> Blend:
        table = self.plan.table("reference")
        weights = np.array([self.weights.get(n, 1.0) for n in self.config.readouts])
        return Blend([self._readout(n) for n in self.config.readouts], weights / weights.sum(), table.mean, table.sd, self.plan.members)

    def _readout(self, name: str) -> Readout:
        reference = self.plan.table("reference")
        members = range(self.plan.members)
        if name == "decoder":
            ours, theirs = self.latents.hidden, self.reference_latents.hidden
            return Readout(name, [_with_one(ours[m]) for m in members], _ridge([_with_one(theirs[m]) for m in members], reference))
        if name == "neighbours":
            weights = [
                baselines.neighbour_weights(self.latents.z[m], self.reference_latents.z[m], self.config.neighbours, metric="cosine") for m in members
            ]
            return Readout(name, weights, lambda m, features: dense_or_sparse(reference.matrix, features))
        shown = [np.flatnonzero(~self.plan.hidden[m, : self.panel.n_shared]) for m in members]
        ours, theirs = zscore(self._truth), zscore(reference.matrix[:, : self.panel.n_shared].toarray())
        return Readout(name, [_with_one(ours[:, s]) for s in shown], _ridge([_with_one(theirs[:, s]) for s in shown], reference, penalty=float(len(theirs)) * 0.1))

    @classmethod
    def finish(
        cls, section: Section, reference: Reference, panel: Panel, trainer: Trainer, history: list[Epoch], *, labels: str | None, batch: str | None
    ) -> Run:
        """Choose the blend by the held-out genes, score every shared gene, and write down where all came from."""
        raw = cls(section, reference, panel, trainer, history, labels, batch)
        shared = np.arange(panel.n_shared)
        held_out = []
        for i in range(len(raw.blend.readouts)):
            alone = Blend([raw.blend.readouts[i]], np.ones(1), raw.blend.mean, raw.blend.sd, raw.plan.members)
            held_out.append(alone.held_out(shared, raw._fold))
        chosen = choose_weights(held_out, raw._truth)
        weights = {n: float(w) for n, w in zip(trainer.config.readouts, chosen, strict=True)}
        run = cls(section, reference, panel, trainer, history, labels, batch, weights, provenance=raw._origin())
        scores = metrics(run._truth, run.blend.held_out(shared, run._fold), run._types)
        scores.index = pd.Index(panel.shared, name="gene")
        for name, predicted in run._baselines().items():
            scores[f"pcc_{name}"] = metrics(run._truth, predicted)["pcc"].to_numpy()
        return cls(section, reference, panel, trainer, history, labels, batch, weights, scores, run.provenance)

    def _baselines(self) -> dict[str, NDArray[Any]]:
        """Predictions of the shared genes (cells, shared), each from the genes of the other folds only."""
        n, reference = self.panel.n_shared, self.plan.table("reference")
        values = reference.matrix[:, :n].toarray()
        ours, theirs = zscore(self._truth), zscore(values)
        out = {"gene_mean": np.tile(values.mean(0), (len(ours), 1)), "knn": np.zeros_like(ours)}
        if self.plan.classes:
            out["type_mean"] = np.zeros_like(ours)
        for m in range(self.plan.members):
            fold = np.flatnonzero(self._fold == m)
            rest = np.flatnonzero(self._fold != m)
            out["knn"][:, fold] = baselines.knn_weights(ours[:, rest], theirs[:, rest], self.config.seed) @ values[:, fold]
            if self.plan.classes:
                means = baselines.type_means(reference.matrix[:, fold], reference.labels, len(self.plan.classes))
                out["type_mean"][:, fold] = means[self.latents.classes[m].argmax(1)]
        return out

    def held_out(self) -> pd.DataFrame:
        """Held-out predictions of all shared genes: (cells, shared genes), log-normalised, cells in the section's order."""
        values = self.blend.held_out(np.arange(self.panel.n_shared), self._fold)
        return pd.DataFrame(values, index=self.section.adata.obs_names, columns=list(self.panel.shared))

    def measured(self, gene: str) -> NDArray[np.float32] | None:
        """(cells,) log-normalised measured values; None for a gene that the section lacks."""
        from . import values as val

        i = self.panel.index(gene)
        if i < self.panel.n_shared:
            return self._truth[:, i].copy()
        if i >= self.panel.n_shared + self.panel.n_target_only:
            return None
        column = self.panel.target_columns[i]
        total = val.library_size(self.section.matrix[:, self.panel.target_columns[: self.panel.n_shared]])
        one: NDArray[np.float32] = val.lognormalise(self.section.matrix[:, [column]], self.section.values.kind, total).toarray().ravel()
        return one

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
            values, spread = self.blend.predict(part)
            shared = np.flatnonzero(part < self.panel.n_shared)
            if len(shared):
                values[:, shared] = self.blend.held_out(part[shared], self._fold[part[shared]])
            kinds = ["held-out" if f < self.panel.n_shared else "imputed" for f in part]
            scores = [float(self.scores["pcc"].iloc[f]) if f < self.panel.n_shared else None for f in part]
            yield [self.plan.features[f] for f in part], values, spread, kinds, scores

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


def _with_one(a: NDArray[Any]) -> NDArray[np.float32]:
    return np.hstack([a, np.ones((len(a), 1))]).astype(np.float32)


def _ridge(bases: list[NDArray[np.float32]], table: Any, penalty: float = 1.0) -> Any:
    """Coefficients in closed form: the reference's values of any gene on the reference's basis, the last column (ones) not shrunk."""
    solved: dict[int, NDArray[np.float64]] = {}

    def coefficients(member: int, features: NDArray[np.intp]) -> NDArray[np.float64]:
        basis = bases[member]
        if member not in solved:
            gram = basis.T.astype(np.float64) @ basis
            penalties = np.full(len(gram), penalty)
            penalties[-1] = 1e-6
            solved[member] = np.linalg.solve(gram + np.diag(penalties), basis.T.astype(np.float64))
        out: NDArray[np.float64] = solved[member] @ dense_or_sparse(table.matrix, features)
        return out

    return coefficients
