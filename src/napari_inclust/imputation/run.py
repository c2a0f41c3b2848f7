"""What training returns: weights, settings, panel, scores and provenance; imputes genes one at a time or in chunks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation import baselines, cell_reliability, covariation
from ..evaluation.conformal import ConformalCalibration, calibrate
from ..evaluation.metrics import gene_metrics, pearson, zscore
from ..training.archive import history_to_table, write_archive
from ..training.batches import row_chunks
from ..training.inference import encode_cells
from ..utils.progress import progress_stage, report_progress
from .differential_expression import Comparison, compare
from .gene_reliability import GeneReliability, predict_scores
from .low_rank import LowRankPredictor
from .model import CELLS_PER_ENCODING_CHUNK, ImputationModel

if TYPE_CHECKING:
    from ..data.panel import Panel
    from ..training.trained import Trained

_LOW_RANK_LOCK = threading.Lock()


@dataclass(frozen=True, eq=False)
class Imputed:
    """One gene over all cells.

    Attributes
    ----------
    values, spread : (cells,) float32
        Log-normalised, on the reference's scale; standard deviation over the members.
    kind
        "imputed" (the section does not measure the gene) or "held-out" (it does; predicted by the member that never saw
        it).
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
    """A trained imputation with its data, from `fit` or `load_run`.

    Attributes
    ----------
    scores
        One row a shared gene, all from held-out predictions: the columns of `metrics.gene_metrics`, and
        `pcc_gene_mean`, `pcc_type_mean`, `pcc_knn` of the baselines.
    provenance
        Settings, seed, versions, fingerprints of the data, times.
    """

    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Device of the training."""
        return str((self.provenance or self.trained.provenance)["device"])

    @classmethod
    def from_trained(cls, trained: Trained, panel: Panel, *, labels: str | None, batch: str | None) -> Run:
        """Choose the predictors' weights by the held-out genes, score every shared gene, and record the provenance."""
        unfitted = cls(trained, panel, labels, batch)
        truth = unfitted._measured_values[unfitted.sample_rows].toarray()
        fitted, held_out = unfitted._unfitted_predictor.fit(
            unfitted.sample_cells, unfitted._standardisation_positions, truth
        )
        types = unfitted.sample_cells.class_probabilities.mean(0).argmax(1) if trained.plan.classes else None
        scores = gene_metrics(truth, held_out, types)
        scores.index = pd.Index(panel.shared, name="gene")
        for name, predicted in unfitted._predict_baselines(truth).items():
            scores[f"pcc_{name}"] = pearson(truth, predicted).astype(np.float64)
        provenance = {
            **trained.provenance,
            "labels": labels,
            "batch": batch,
            "genes": {"shared": panel.n_shared, "imputable": panel.n_reference_only},
        }
        run = replace(unfitted, choices=fitted.parameters, scores=scores, provenance=provenance)
        computed = ("_unfitted_predictor", "_reference_genes", "sample_cells", "_measured_values")
        run.__dict__.update({name: vars(unfitted)[name] for name in computed})  # cached properties
        return run

    def _predict_baselines(self, truth: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Predictions of the shared genes (sampled cells, shared), each from the genes of the other folds only."""
        n, reference = self.panel.n_shared, self.plan.table("reference")
        values = self._reference_genes.matrix[:, :n].toarray()
        ours, theirs = zscore(truth), zscore(values)
        out = {"gene_mean": np.tile(values.mean(0), (len(ours), 1)), "knn": np.zeros_like(ours)}
        if self.plan.classes:
            out["type_mean"] = np.zeros_like(ours)
        for m in progress_stage("predicting them with the baselines", range(self.plan.n_folds)):
            fold = np.flatnonzero(self._gene_fold == m)
            rest = np.flatnonzero(self._gene_fold != m)
            out["knn"][:, fold] = (
                baselines.knn_weights(ours[:, rest], theirs[:, rest], self.config.seed) @ values[:, fold]
            )
            if self.plan.classes:
                means = baselines.type_means(
                    self._reference_genes.matrix[:, fold].tocsr(),
                    reference.labels[self._reference_genes.reference_rows],
                    len(self.plan.classes),
                )
                out["type_mean"][:, fold] = means[self.sample_cells.class_probabilities[m].argmax(1)]
        return out

    def held_out(self) -> pd.DataFrame:
        """Predict all shared genes while each is hidden: (cells, shared genes), log-normalised."""
        values = np.hstack([chunk[1] for chunk in self.chunks(self.panel.shared)])
        return pd.DataFrame(values, index=self.section.adata.obs_names, columns=list(self.panel.shared))

    def compare(
        self, a: NDArray[np.bool_], b: NDArray[np.bool_] | None = None, genes: Sequence[str] | None = None
    ) -> Comparison:
        """Compare imputed genes between cells `a` and `b` (default: all others), with the error of the imputation.

        Parameters, result and errors as of `differential_expression.compare`.
        """
        return compare(self, a, b, genes)

    def impute(self, gene: str) -> Imputed:
        """Impute one gene over all cells, for display: within a small, known error of the exact values of `chunks`.

        Raises
        ------
        PanelError
            A gene that the reference lacks.
        """
        feature = self._gene_index(gene)
        values, spread, _ = self.low_rank_predictor.predict(feature)
        measured = feature < self.panel.n_shared
        score = float(self.scores["pcc"].iloc[feature]) if measured else None
        return Imputed(self._imputable_genes[feature], values, spread, "held-out" if measured else "imputed", score)

    @cached_property
    def gene_trust(self) -> GeneReliability:
        """Predicted scores of every gene that the section lacks."""
        return self.predict_scores(self.panel.reference_only)

    def predict_scores(self, genes: Sequence[str]) -> GeneReliability:
        """Predict the held-out Pearson of genes that the section lacks, with the error of the prediction."""
        return predict_scores(self, genes, self.scores["pcc"].to_numpy())

    foreseen = predict_scores  # name in versions before 0.2

    @cached_property
    def calibration(self) -> ConformalCalibration:
        """Calibration of 90 % intervals, on the held-out genes."""
        levels, shared = self.predictor.section_scale, np.arange(self.panel.n_shared)
        mean, spread = levels.mean[shared], levels.mean[shared] / np.maximum(levels.mean_to_sd[shared], 1e-6)
        truth = self._measured_values[self.sample_rows].toarray()
        return calibrate(
            self.predictor.predict_held_out(shared, self.sample_cells), truth, mean, spread, self._gene_fold
        )

    def interval(self, imputed: Imputed) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return lower and upper ends (cells,) of the 90 % intervals in which measurements of a gene would lie."""
        feature, levels = self._gene_index(imputed.gene), self.predictor.section_scale
        mean = float(levels.mean[feature])
        return self.calibration.interval(imputed.values, mean, mean / max(float(levels.mean_to_sd[feature]), 1e-6))

    @cached_property
    def cell_trust(self) -> NDArray[np.float64]:
        """(cells,) 0 to 1: how much each cell is of a kind that the reference has."""
        groups = list(row_chunks(self.section.n_cells, CELLS_PER_ENCODING_CHUNK))
        report_progress("scoring the reliability of cells", 0, len(groups))
        reference = encode_cells(self.trainer, "reference", self._reference_genes.reference_rows).inputs[-1]
        profiles = cell_reliability.type_profiles(
            reference, self.plan.table("reference").labels[self._reference_genes.reference_rows], self.config.seed
        )
        near = cell_reliability.SmoothedCells(self.sample_cells.inputs[-1], self.config.seed)
        lack = covariation.missing_covariation(near.group_profiles, near.group_sizes, near.values, reference)

        def novelty(x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
            scores, group = near.novelty_scores(x, profiles)
            return scores + lack[group]

        scores = [
            novelty(encode_cells(self.trainer, "section", rows).inputs[-1])
            for rows in progress_stage("scoring the reliability of cells", groups)
        ]
        return cell_reliability.reliability(np.concatenate(scores), novelty(near.values))

    def cell_table(self) -> pd.DataFrame:
        """Return one row a cell: `inclust_trust`, and with labels `inclust_type`."""
        columns: dict[str, Any] = {"inclust_trust": self.cell_trust}
        if self.predicted_type is not None:
            columns["inclust_type"] = pd.Categorical(self.predicted_type)
        return pd.DataFrame(columns, index=self.section.adata.obs_names)

    @property
    def low_rank_predictor(self) -> LowRankPredictor:
        """Fast predictor, fitted on first use (seconds to minutes, by the number of cells) by one thread at a time."""
        with _LOW_RANK_LOCK:
            return self._low_rank_predictor

    @cached_property
    def _low_rank_predictor(self) -> LowRankPredictor:
        return LowRankPredictor(
            self.predictor,
            self.standardisation_rows,
            self.section.n_cells,
            lambda rows: encode_cells(self.trainer, "section", rows),
            len(self._imputable_genes),
        )

    def chunks(
        self, genes: Sequence[str], size: int = 64
    ) -> Iterator[tuple[list[str], NDArray[np.float32], NDArray[np.float32], list[str], list[float | None]]]:
        """Impute genes in groups of `size`, in memory that does not grow with their number.

        Yields
        ------
        names, values and spread (cells, size) float32, kinds, scores
        """
        features = self.gene_indices(genes)
        for start in range(0, len(features), size):
            part = features[start : start + size]
            values, spread = self._predict_all_cells(part)
            kinds = ["held-out" if f < self.panel.n_shared else "imputed" for f in part]
            scores = [float(self.scores["pcc"].iloc[f]) if f < self.panel.n_shared else None for f in part]
            yield [self._imputable_genes[f] for f in part], values, spread, kinds, scores

    def save(self, path: str | Path) -> Path:
        """Write the run as one file; an existing one is replaced only when the new one is complete.

        Raises
        ------
        OutputError
            A path that cannot be written to.
        """
        metadata = {
            "choices": asdict(self.choices),
            "provenance": self.provenance,
            "panel": list(self.panel.genes),
            "classes": list(self.plan.classes),
            "covariates": list(self.plan.covariates),
            "folds": self._gene_fold.tolist(),
        }
        tables = {"scores": self.scores.reset_index(), "history": history_to_table(self.history)}
        return write_archive(Path(path), "run", metadata, tables, self.trainer.model.state_dict())
