"""Predicted scores of unmeasured genes: a regression of held-out scores on properties of a gene that need no truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..evaluation.autocorrelation import morans_i, morans_i_inflation, neighbour_weights
from ..evaluation.metrics import pearson, zscore
from ..utils.pca import PCA
from ..utils.progress import progress_stage
from .ensemble import StackedPredictor
from .gene_predictors import GeneKrigingPredictor, RequestedGenes

if TYPE_CHECKING:
    from ..training.config import Config
    from .model import ImputationModel

SCORE_PREDICTORS = (
    "detection",
    "log mean",
    "log dispersion",
    "explained by components",
    "explained by shared genes",
    "strongest shared partners",
    "agreement of readouts",
    "consistency with the section",
    "common factor",
    "spatial pattern",
)
GENES_PER_CHUNK = 256
CV_REPEATS = (
    3  # of the regression's cross-validation, with other folds: its rank correlation varies by .03 between them
)
MIN_GENES = 20  # scored genes below which no score is predicted
RANGE_MARGIN = 0.1  # of the scored genes' range, by which a gene may lie outside of it
N_PARTNERS = 5  # most correlated visible genes whose mean correlation is a predictor


@dataclass(frozen=True, eq=False)
class GeneReliability:
    """Predicted held-out Pearson of genes.

    Attributes
    ----------
    table
        One row a gene: `predicted_pcc` (NaN where the gene lies outside the range of the scored genes), `reason` (why
        there is no prediction, or ""), and for a run the columns of `morans_i_inflation`.
    mean_absolute_error
        Of the cross-validated predictions.
    rank_correlation
        Spearman correlation of cross-validated predictions and true scores.
    cross_validated_scores : (scored genes,)
        Predicted from the other genes; empty where no score is predicted.
    measured_inflation
        Of a run, one row a measured gene: the columns of `morans_i_inflation`, from its held-out prediction.
    """

    table: pd.DataFrame
    mean_absolute_error: float
    rank_correlation: float
    cross_validated_scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    measured_inflation: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def output_columns(self) -> pd.DataFrame:
        """Columns of every gene of a run for files: foreseen (the predicted score), moran, moran_flag."""
        return (
            pd.concat([self.measured_inflation, self.table])
            .rename(columns={"predicted_pcc": "foreseen"})
            .reindex(columns=["foreseen", "moran", "moran_flag"])
        )


def predict_scores(run: ImputationModel, genes: Sequence[str], scores: NDArray[np.float64]) -> GeneReliability:
    """Predict the scores of genes that the section of a run lacks, and whether imputation inflated their Moran's I.

    Parameters
    ----------
    scores : (shared genes,)
        Held-out Pearson.
    """
    n, predictor = run.panel.n_shared, run.predictor
    learned = run.plan.table("reference").measured_block("components")
    components = (
        learned.values[predictor.reference_genes.reference_rows]
        if learned is not None
        else _principal_components(predictor.reference_genes.standardised_values(np.arange(n)), run.config)
    )
    positions = np.concatenate([np.arange(n), run.gene_indices(genes)])
    graph = neighbour_weights(run.section.xy[run.standardisation_rows])
    features = score_predictors(predictor, positions, components, graph)
    chunks = np.split(positions, range(GENES_PER_CHUNK, len(positions), GENES_PER_CHUNK))
    similarity = np.vstack([predictor.reference_genes.request(chunk).correlation_with_shared.T for chunk in chunks])
    reliability = regress_scores(
        features[:n], scores, features[n:], list(genes), run.config.seed, gene_similarity=similarity
    )
    inflation = morans_i_inflation(
        features[:, SCORE_PREDICTORS.index("spatial pattern")],
        morans_i(run.measured_shared(run.standardisation_rows), graph),
        np.log(predictor.section_scale.mean[positions] + 1e-9),
    )
    inflation.index = pd.Index([*run.panel.shared, *genes], name="gene")
    return replace(reliability, table=reliability.table.join(inflation.iloc[n:]), measured_inflation=inflation.iloc[:n])


def _principal_components(values: NDArray[np.floating[Any]], config: Config) -> NDArray[np.floating[Any]]:
    """(cells, components) leading principal components."""
    return PCA.fit(values, config.components, config.seed).transform(values)


def score_predictors(
    predictor: StackedPredictor,
    gene_indices: NDArray[np.intp],
    components: NDArray[np.floating[Any]],
    graph: sp.csr_matrix,
) -> NDArray[np.float64]:
    """Compute `SCORE_PREDICTORS` (genes, predictors), which need no truth of a gene.

    Those of a shared gene are computed for the member from which it is hidden, those of others averaged over members.

    Parameters
    ----------
    components : (reference rows, components)
        Leading principal components of the reference.
    graph : (cells, cells)
        `neighbour_weights` of the predictor's standardisation cells.
    """
    components = zscore(components) / np.sqrt(len(components))
    kriging = GeneKrigingPredictor("", predictor.visible_genes, predictor.reference_genes, noise=1.0)
    chunks = np.split(gene_indices, range(GENES_PER_CHUNK, len(gene_indices), GENES_PER_CHUNK))
    rows = []
    for chunk in progress_stage("predicting scores", chunks):
        requested = predictor.reference_genes.request(chunk)
        by_member = np.stack(
            [_member_predictors(predictor, kriging, requested, m, graph) for m in range(predictor.n_folds)]
        )
        of_members = by_member.mean(0)
        shared = np.flatnonzero(chunk < len(predictor.gene_fold))
        of_members[shared] = by_member[predictor.gene_fold[chunk[shared]], shared]
        rows.append(np.hstack([_reference_predictors(predictor, chunk, components), of_members]))
    return np.vstack(rows)


def _reference_predictors(
    predictor: StackedPredictor, gene_indices: NDArray[np.intp], components: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """(genes, 4) the first of `SCORE_PREDICTORS`, from the reference alone."""
    genes = predictor.reference_genes
    detection = np.asarray((genes.matrix[:, gene_indices] > 0).mean(0)).ravel()
    mean, sd = genes.mean[gene_indices], genes.sd[gene_indices]
    z = genes.standardised_values(gene_indices)
    explained = ((components.T @ z) ** 2).sum(0) / np.maximum((z**2).sum(0), 1e-9)
    return np.stack([detection, np.log(mean + 1e-4), np.log((sd + 1e-4) / (mean + 1e-4)), explained], 1)


def _member_predictors(
    predictor: StackedPredictor,
    kriging: GeneKrigingPredictor,
    requested: RequestedGenes,
    member: int,
    graph: sp.csr_matrix,
) -> NDArray[np.float64]:
    """(genes, 6) the other `SCORE_PREDICTORS`, as one member sees the section.

    Variance that the visible genes explain in the reference; mean of the largest correlations with them there; standard
    deviation of the stacked prediction (1 when all base predictors agree); Pearson correlation of its correlations with
    the visible genes in the section (predicted) and in the reference; its correlation with the cell's common factor;
    Moran's I of the prediction.
    """
    covariance = kriging.cross_covariance(member, requested)
    explained = (covariance * kriging.coefficients(member, requested)).sum(0)
    partners = np.sort(np.abs(covariance), axis=0)[-N_PARTNERS:].mean(0)
    stacked = predictor.stack_predictors(member, requested, member)[1]
    x = kriging.design_matrix(predictor.standardisation_cells, member)
    in_section = zscore(x).T @ zscore(stacked) / len(x)
    with_common_factor = zscore(x.mean(1, keepdims=True))[:, 0] @ zscore(stacked) / len(x)
    consistency = pearson(covariance, in_section)
    return np.stack([explained, partners, stacked.std(0), consistency, with_common_factor, morans_i(stacked, graph)], 1)


def regress_scores(
    scored_predictors: NDArray[np.float64],
    scores: NDArray[np.float64],
    unscored_predictors: NDArray[np.float64],
    gene_names: list[str],
    seed: int,
    *,
    gene_similarity: NDArray[np.floating[Any]] | None = None,
) -> GeneReliability:
    """Regress scores on `SCORE_PREDICTORS` and on the scores of similar genes, and predict those of other genes.

    Parameters
    ----------
    scored_predictors : (scored genes, predictors)
    scores : (scored genes,)
    unscored_predictors : (genes, predictors)
        Of the genes whose scores to predict.
    gene_names
        Their names.
    gene_similarity : (scored genes + genes, scored genes), optional
        Correlations in the reference; default: no gene is similar to another.
    """
    from scipy.stats import spearmanr
    from sklearn.model_selection import RepeatedKFold

    n = len(scores)
    if n < MIN_GENES:
        reason = f"only {n} scored genes; {MIN_GENES} are needed to predict those of others"
        return GeneReliability(
            pd.DataFrame({"predicted_pcc": np.nan, "reason": reason}, index=pd.Index(gene_names, name="gene")),
            float("nan"),
            float("nan"),
        )
    features = np.vstack([scored_predictors, unscored_predictors])
    gene_similarity = (
        np.zeros((len(features), n)) if gene_similarity is None else np.clip(gene_similarity, 0, None) ** 2
    )
    gene_similarity[np.arange(n), np.arange(n)] = 0
    cross_validated = np.zeros(n)
    rounds = list(RepeatedKFold(n_splits=5, n_repeats=CV_REPEATS, random_state=seed).split(scored_predictors))
    for train, test in progress_stage("cross-validating scores", rounds):
        cross_validated[test] += _fit_predict(features, gene_similarity, scores, train, test, seed) / CV_REPEATS
    low, high = scored_predictors.min(0), scored_predictors.max(0)
    margin = RANGE_MARGIN * (high - low)
    outside = (unscored_predictors < low - margin) | (unscored_predictors > high + margin)
    predicted = _fit_predict(features, gene_similarity, scores, np.arange(n), np.arange(n, len(features)), seed)
    names_outside = [", ".join(SCORE_PREDICTORS[i] for i in np.flatnonzero(row)) for row in outside]
    table = pd.DataFrame(
        {
            "predicted_pcc": np.where(outside.any(1), np.nan, predicted),
            "reason": [f"unlike the scored genes in: {names}" if names else "" for names in names_outside],
        },
        index=pd.Index(gene_names, name="gene"),
    )
    error, rank_correlation = np.abs(cross_validated - scores).mean(), spearmanr(cross_validated, scores).statistic
    return GeneReliability(table, float(error), float(rank_correlation), cross_validated)


def _fit_predict(
    predictors: NDArray[np.float64],
    gene_similarity: NDArray[np.floating[Any]],
    scores: NDArray[np.float64],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    seed: int,
) -> NDArray[np.float64]:
    """Scores of the test rows from those of the training rows: the mean of a support vector machine and a forest."""
    from sklearn.ensemble import RandomForestRegressor, VotingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    if not len(test):
        return np.zeros(0)
    weights, mean = gene_similarity[:, train], scores[train].mean()
    # mean score of similar genes, shrunk to that of all where few are similar
    partners = mean + weights @ (scores[train] - mean) / (1 + weights.sum(1))
    design = np.column_stack([predictors, partners])
    smooth = make_pipeline(StandardScaler(), SVR(C=0.3, gamma=0.03, epsilon=0.05))
    forest = RandomForestRegressor(60, min_samples_leaf=4, max_features=0.5, random_state=seed, n_jobs=1)
    model = VotingRegressor([("smooth", smooth), ("forest", forest)]).fit(design[train], scores[train])
    out: NDArray[np.float64] = model.predict(design[test])
    return out
