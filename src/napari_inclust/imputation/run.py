"""What training returns: weights, settings, panel, scores and provenance; imputes genes one at a time or in chunks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation import baselines, cell_reliability, covariation
from ..evaluation.conformal import Calibration, calibrate
from ..evaluation.metrics import metrics, pearson, zscore
from ..training.archive import epochs_table, write
from ..training.batches import chunks
from ..training.inference import encode
from ..utils.progress import stage, tell
from ..utils.provenance import versions
from .differential_expression import Comparison, compare
from .gene_reliability import GeneTrust, of_run
from .low_rank import Fast
from .model import GROUP, ImputationModel

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..data.section import Reference, Section
    from ..training.loop import Epoch
    from ..training.trainer import Trainer

_MAKING = threading.Lock()


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
class Run(ImputationModel):
    """A trained model with its data. Made by `fit`, or loaded with `napari_inclust.load_run`.

    Attributes
    ----------
    scores
        One row a shared gene, all from held-out predictions: the columns of `score.metrics`, and `pcc_gene_mean`, `pcc_type_mean`, `pcc_knn` of the baselines.
    provenance
        Settings, seed, versions, fingerprints of the data, times.
    """

    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Where it was trained."""
        from ..utils.device import describe

        return str(self.provenance["device"]) if self.provenance else describe(self.trainer.device)

    @classmethod
    def finish(
        cls, section: Section, reference: Reference, panel: Panel, trainer: Trainer, history: list[Epoch], *, labels: str | None, batch: str | None
    ) -> Run:
        """Let the held-out genes decide how to read out, score every shared gene, and write down where all came from."""
        raw = cls(section, reference, panel, trainer, history, labels, batch)
        truth = raw._measured[raw.sample].toarray()
        learned, held_out = raw._undecided.learn(raw.cells, raw._anchored, truth)
        types = raw.cells.classes.mean(0).argmax(1) if trainer.plan.classes else None
        scores = metrics(truth, held_out, types)
        scores.index = pd.Index(panel.shared, name="gene")
        for name, predicted in raw._baselines(truth).items():
            scores[f"pcc_{name}"] = pearson(truth, predicted).astype(np.float64)
        done = cls(section, reference, panel, trainer, history, labels, batch, learned.choices, scores, raw._origin())
        done.__dict__.update({name: vars(raw)[name] for name in ("_undecided", "_genes", "cells", "_measured")})  # cached properties: not computed twice
        return done

    def _baselines(self, truth: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Predictions of the shared genes (sampled cells, shared), each from the genes of the other folds only."""
        n, reference = self.panel.n_shared, self.plan.table("reference")
        values = self._genes.matrix[:, :n].toarray()
        ours, theirs = zscore(truth), zscore(values)
        out = {"gene_mean": np.tile(values.mean(0), (len(ours), 1)), "knn": np.zeros_like(ours)}
        if self.plan.classes:
            out["type_mean"] = np.zeros_like(ours)
        for m in stage("predicting them with the baselines", range(self.plan.folds)):
            fold = np.flatnonzero(self._fold == m)
            rest = np.flatnonzero(self._fold != m)
            out["knn"][:, fold] = baselines.knn_weights(ours[:, rest], theirs[:, rest], self.config.seed) @ values[:, fold]
            if self.plan.classes:
                means = baselines.type_means(self._genes.matrix[:, fold].tocsr(), reference.labels[self._genes.rows], len(self.plan.classes))
                out["type_mean"][:, fold] = means[self.cells.classes[m].argmax(1)]
        return out

    def held_out(self) -> pd.DataFrame:
        """Held-out predictions of all shared genes: (cells, shared genes), log-normalised, cells in the section's order."""
        values = np.hstack([chunk[1] for chunk in self.chunks(self.panel.shared)])
        return pd.DataFrame(values, index=self.section.adata.obs_names, columns=list(self.panel.shared))

    def compare(self, a: NDArray[np.bool_], b: NDArray[np.bool_] | None = None, genes: Sequence[str] | None = None) -> Comparison:
        """Imputed genes in cells `a` against cells `b` (default: all others), with the error of imputing counted in; see `compare.compare`."""
        return compare(self, a, b, genes)

    def impute(self, gene: str) -> Imputed:
        """One gene over all cells, for looking at: within a small, known error (`fast`) of the exact values that `chunks` gives.

        Raises
        ------
        PanelError
            A gene that the reference lacks.
        """
        feature = self._feature(gene)
        values, spread, _ = self.fast.predict(feature)
        measured = feature < self.panel.n_shared
        score = float(self.scores["pcc"].iloc[feature]) if measured else None
        return Imputed(self._imputable[feature], values, spread, "held-out" if measured else "imputed", score)

    @cached_property
    def gene_trust(self) -> GeneTrust:
        """`foreseen` of every gene that the section lacks."""
        return self.foreseen(self.panel.reference_only)

    def foreseen(self, genes: Sequence[str]) -> GeneTrust:
        """Foreseen held-out Pearson of genes that the section lacks, with the error of foreseeing."""
        return of_run(self, genes, self.scores["pcc"].to_numpy())

    @cached_property
    def calibration(self) -> Calibration:
        """Of 90 % intervals, on the held-out genes."""
        levels, shared = self.predictor.levels, np.arange(self.panel.n_shared)
        mean, spread = levels.mean[shared], levels.mean[shared] / np.maximum(levels.ratio[shared], 1e-6)
        truth = self._measured[self.sample].toarray()
        return calibrate(self.predictor.held_out(shared, self.cells), truth, mean, spread, self._fold)

    def interval(self, imputed: Imputed) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lower and upper end (cells,) of the 90 % interval of each value of a gene: where a measurement of it would lie."""
        feature, levels = self._feature(imputed.gene), self.predictor.levels
        mean = float(levels.mean[feature])
        return self.calibration.interval(imputed.values, mean, mean / max(float(levels.ratio[feature]), 1e-6))

    @cached_property
    def cell_trust(self) -> NDArray[np.float64]:
        """(cells,) 0 to 1: how much each cell is of a kind that the reference has."""
        groups = list(chunks(self.section.n_cells, GROUP))
        tell("judging the cells", 0, len(groups))
        reference = encode(self.trainer, "reference", self._genes.rows).x[-1]
        profiles = cell_reliability.kinds(reference, self.plan.table("reference").labels[self._genes.rows], self.config.seed)
        near = cell_reliability.Neighbourhood(self.cells.x[-1], self.config.seed)
        lack = covariation.lacking(near.groups, near.sizes, near.among, reference)

        def stranger(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
            strange, group = near.strangeness(x, profiles)
            return strange + lack[group]

        strange = [stranger(encode(self.trainer, "section", rows).x[-1]) for rows in stage("judging the cells", groups)]
        return cell_reliability.trust(np.concatenate(strange), stranger(near.among))

    def about_cells(self) -> pd.DataFrame:
        """One row a cell: `inclust_trust`, and with labels `inclust_type`."""
        columns: dict[str, Any] = {"inclust_trust": self.cell_trust}
        if self.predicted_type is not None:
            columns["inclust_type"] = pd.Categorical(self.predicted_type)
        return pd.DataFrame(columns, index=self.section.adata.obs_names)

    @property
    def fast(self) -> Fast:
        """Made at the first gene (seconds to minutes, by the number of cells), then a gene costs milliseconds; by one thread, others wait for it."""
        with _MAKING:
            return self._fast

    @cached_property
    def _fast(self) -> Fast:
        return Fast(self.predictor, self.anchors, self.section.n_cells, lambda rows: encode(self.trainer, "section", rows), len(self._imputable))

    def chunks(
        self, genes: Sequence[str], size: int = 64
    ) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.float32], list[str], list[float | None]]]:
        """Genes in groups of `size`: names, values and spread (cells, size), kinds, scores. Memory does not grow with the number of genes."""
        features = self.positions(genes)
        for start in range(0, len(features), size):
            part = features[start : start + size]
            values, spread = self._everywhere(part)
            kinds = ["held-out" if f < self.panel.n_shared else "imputed" for f in part]
            scores = [float(self.scores["pcc"].iloc[f]) if f < self.panel.n_shared else None for f in part]
            yield [self._imputable[f] for f in part], values, spread, kinds, scores

    def save(self, path: str | Path) -> Path:
        """Write the run as one file; an existing one is replaced only when the new one is complete.

        Raises
        ------
        OutputError
            A place that cannot be written to.
        """
        about = {
            "choices": asdict(self.choices), "provenance": self.provenance, "panel": list(self.panel.genes), "classes": list(self.plan.classes),
            "covariates": list(self.plan.covariates), "folds": self._fold.tolist(),
        }  # fmt: skip
        tables = {"scores": self.scores.reset_index(), "history": epochs_table(self.history)}
        return write(Path(path), "run", about, tables, self.trainer.model.state_dict())

    def _origin(self) -> dict[str, Any]:
        data = {
            side: {
                "path": str(d.path) if d.path else None,
                "name": d.name,
                "cells": d.n_cells,
                "values": asdict(d.values),
                "source": d.source,
                "fingerprint": d.fingerprint,
                "drawn": asdict(d.drawn) if d.drawn is not None else None,
                "choices": getattr(d, "choices", {}),
            }
            for side, d in (("section", self.section), ("reference", self.reference))
        }
        return {
            "task": self.plan.task, "config": self.config.to_dict(), "labels": self.labels, "batch": self.batch, "device": self.device, "data": data,
            "genes": {"shared": self.panel.n_shared, "imputable": self.panel.n_reference_only}, "epochs": len(self.history), "seconds": self.history[-1].seconds if self.history else 0.0,
            **versions(),
        }  # fmt: skip
