"""How well an unmeasured gene is likely predicted: a regression of the held-out scores on what can be known of a gene without its truth."""

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
    3  # of the regression's own cross-validation, each with other folds: one alone moves its rank correlation by .03
)
MIN_GENES = 20  # scored genes below which nothing is foreseen


@dataclass(frozen=True, eq=False)
class GeneReliability:
    """Foreseen held-out Pearson of genes.

    Attributes
    ----------
    table
        One row a gene: `predicted_pcc` (NaN where the gene lies outside what the scored genes cover), `reason` (why it abstains, or ""), and of a run
        the columns of `inflation`.
    error
        Mean absolute error of the regression for genes hidden from it (cross-validated).
    rank_correlation
        Spearman between foreseen and true scores of genes hidden from it.
    hidden : (scored genes,)
        What it foresees of each scored gene that is hidden from it; empty where nothing is foreseen.
    measured
        Of a run, one row a measured gene: the columns of `inflation`, from its held-out prediction.
    """

    table: pd.DataFrame
    mean_absolute_error: float
    rank_correlation: float
    cross_validated_scores: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    measured_inflation: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def output_columns(self) -> pd.DataFrame:
        """What is written of every gene of a run: foreseen, moran, moran_flag."""
        return (
            pd.concat([self.measured_inflation, self.table])
            .rename(columns={"predicted_pcc": "foreseen"})
            .reindex(columns=["foreseen", "moran", "moran_flag"])
        )


def predict_scores(run: ImputationModel, genes: Sequence[str], scores: NDArray[np.float64]) -> GeneReliability:
    """What can be told of genes that the section of a run lacks: foreseen scores, and whether imputing made them smoother than genes are."""
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
    alike = np.vstack(
        [
            predictor.reference_genes.request(part).correlation_with_shared.T
            for part in np.split(positions, range(GENES_PER_CHUNK, len(positions), GENES_PER_CHUNK))
        ]
    )
    trust = regress_scores(features[:n], scores, features[n:], list(genes), run.config.seed, gene_similarity=alike)
    smooth = morans_i_inflation(
        features[:, SCORE_PREDICTORS.index("spatial pattern")],
        morans_i(run.measured_shared(run.standardisation_rows), graph),
        np.log(predictor.section_scale.mean[positions] + 1e-9),
    )
    smooth.index = pd.Index([*run.panel.shared, *genes], name="gene")
    return replace(trust, table=trust.table.join(smooth.iloc[n:]), measured_inflation=smooth.iloc[:n])


def _principal_components(values: NDArray[np.floating[Any]], config: Config) -> NDArray[np.floating[Any]]:
    """(cells, components) leading principal components."""
    return PCA.fit(values, config.components, config.seed).transform(values)


def score_predictors(
    predictor: StackedPredictor,
    gene_indices: NDArray[np.intp],
    components: NDArray[np.floating[Any]],
    graph: sp.csr_matrix,
) -> NDArray[np.float64]:
    """(genes, FEATURES) what is known of genes without their truth; a shared gene as the member sees it from which it is hidden, others averaged over members.

    Parameters
    ----------
    components : (reference rows, k)
        Leading principal components of the reference.
    graph : (anchors, anchors)
        `inflation.neighbours` of the predictor's anchors.
    """
    components = zscore(components) / np.sqrt(len(components))
    process = GeneKrigingPredictor("", predictor.visible_genes, predictor.reference_genes, noise=1.0)
    out = []
    for part in progress_stage(
        "foreseeing scores", np.split(gene_indices, range(GENES_PER_CHUNK, len(gene_indices), GENES_PER_CHUNK))
    ):
        by_member = np.stack(
            [
                _member_predictors(predictor, process, predictor.reference_genes.request(part), m, graph)
                for m in range(predictor.n_folds)
            ]
        )
        mean = by_member.mean(0)
        shared = np.flatnonzero(part < len(predictor.gene_fold))
        mean[shared] = by_member[predictor.gene_fold[part[shared]], shared]
        out.append(np.hstack([_reference_predictors(predictor, part, components), mean]))
    return np.vstack(out)


def _reference_predictors(
    predictor: StackedPredictor, gene_indices: NDArray[np.intp], components: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
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
    """Of each gene: variance that the shown genes explain in the reference; mean of its five largest correlations with them there; spread of the stacked
    prediction (1 when all readouts say the same); how alike its correlations with the shown genes are in the section (predicted) and in the reference; its
    correlation with the cell's common factor; Moran's I of the prediction."""
    shown = predictor.visible_genes[member]
    to_shown = kriging.cross_covariance(member, requested)
    explained = (to_shown * kriging.coefficients(member, requested)).sum(0)
    partners = np.sort(np.abs(to_shown), axis=0)[-5:].mean(0)
    stacked = predictor.stack_predictors(member, requested, member)[1]
    x = predictor.standardisation_cells.inputs[member][:, shown]
    in_section = zscore(x).T @ zscore(stacked) / len(x)
    along = zscore(x.mean(1, keepdims=True))[:, 0] @ zscore(stacked) / len(x)
    return np.stack(
        [explained, partners, stacked.std(0), pearson(to_shown, in_section), along, morans_i(stacked, graph)], 1
    )


def regress_scores(
    scored_predictors: NDArray[np.float64],
    scores: NDArray[np.float64],
    unscored_predictors: NDArray[np.float64],
    gene_names: list[str],
    seed: int,
    *,
    gene_similarity: NDArray[np.floating[Any]] | None = None,
) -> GeneReliability:
    """Regress scores on features, and on the scores of genes that are alike, and foresee those of other genes.

    Parameters
    ----------
    known : (scored genes, FEATURES); scores : (scored genes,); wanted : (genes, FEATURES)
    alike : (scored genes + genes, scored genes), optional
        Correlations in the reference; default: no gene is like another.
    """
    from scipy.stats import spearmanr
    from sklearn.model_selection import RepeatedKFold

    n = len(scores)
    if n < MIN_GENES:
        reason = f"only {n} scored genes; {MIN_GENES} are needed to foresee others"
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
    hidden = np.zeros(n)
    rounds = list(RepeatedKFold(n_splits=5, n_repeats=CV_REPEATS, random_state=seed).split(scored_predictors))
    for train, test in progress_stage("foreseeing known scores", rounds):
        hidden[test] += _fit_predict(features, gene_similarity, scores, train, test, seed) / CV_REPEATS
    low, high = scored_predictors.min(0), scored_predictors.max(0)
    margin = 0.1 * (high - low)
    outside = (unscored_predictors < low - margin) | (unscored_predictors > high + margin)
    predicted = _fit_predict(features, gene_similarity, scores, np.arange(n), np.arange(n, len(features)), seed)
    unlike = [", ".join(SCORE_PREDICTORS[i] for i in np.flatnonzero(row)) for row in outside]
    table = pd.DataFrame(
        {
            "predicted_pcc": np.where(outside.any(1), np.nan, predicted),
            "reason": [f"unlike the scored genes in: {u}" if u else "" for u in unlike],
        },
        index=pd.Index(gene_names, name="gene"),
    )
    return GeneReliability(
        table, float(np.abs(hidden - scores).mean()), float(spearmanr(hidden, scores).statistic), hidden
    )


def _fit_predict(
    predictors: NDArray[np.float64],
    gene_similarity: NDArray[np.floating[Any]],
    scores: NDArray[np.float64],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    seed: int,
) -> NDArray[np.float64]:
    """Scores of some rows, from those of others: the mean of a support vector machine and a forest."""
    from sklearn.ensemble import RandomForestRegressor, VotingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    if not len(test):
        return np.zeros(0)
    weights, mean = gene_similarity[:, train], scores[train].mean()
    partners = mean + weights @ (scores[train] - mean) / (
        1 + weights.sum(1)
    )  # the mean score of genes that are alike, drawn to that of all where few are
    design = np.column_stack([predictors, partners])
    smooth = make_pipeline(StandardScaler(), SVR(C=0.3, gamma=0.03, epsilon=0.05))
    forest = RandomForestRegressor(60, min_samples_leaf=4, max_features=0.5, random_state=seed, n_jobs=1)
    model = VotingRegressor([("smooth", smooth), ("forest", forest)]).fit(design[train], scores[train])
    out: NDArray[np.float64] = model.predict(design[test])
    return out
