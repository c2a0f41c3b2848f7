"""How well an unmeasured gene is likely predicted: a regression of the held-out scores on what can be known of a gene without its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from ..evaluation.autocorrelation import inflation, moran, neighbours
from ..evaluation.metrics import pearson, zscore
from ..utils.pca import PCA
from ..utils.progress import stage
from .ensemble import Predictor
from .predictors import GeneProcess, Wanted

if TYPE_CHECKING:
    from ..training.config import Config
    from .model import ImputationModel

FEATURES = (
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
CHUNK = 256
REPEATS = 3  # of the regression's own cross-validation, each with other folds: one alone moves its rank correlation by .03
MIN_GENES = 20  # scored genes below which nothing is foreseen


@dataclass(frozen=True, eq=False)
class GeneTrust:
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
    error: float
    rank_correlation: float
    hidden: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    measured: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def columns(self) -> pd.DataFrame:
        """What is written of every gene of a run: foreseen, moran, moran_flag."""
        return pd.concat([self.measured, self.table]).rename(columns={"predicted_pcc": "foreseen"}).reindex(columns=["foreseen", "moran", "moran_flag"])


def of_run(run: ImputationModel, genes: Sequence[str], scores: NDArray[np.float64]) -> GeneTrust:
    """What can be told of genes that the section of a run lacks: foreseen scores, and whether imputing made them smoother than genes are."""
    n, predictor = run.panel.n_shared, run.predictor
    learned = run.plan.table("reference").part("components")
    components = learned.values[predictor.genes.rows] if learned is not None else _components(predictor.genes.standardised(np.arange(n)), run.config)
    positions = np.concatenate([np.arange(n), run.positions(genes)])
    graph = neighbours(run.section.xy[run.anchors])
    features = gene_features(predictor, positions, components, graph)
    alike = np.vstack([predictor.genes.wanted(part).to_shared.T for part in np.split(positions, range(CHUNK, len(positions), CHUNK))])
    trust = foresee(features[:n], scores, features[n:], list(genes), run.config.seed, alike=alike)
    smooth = inflation(
        features[:, FEATURES.index("spatial pattern")], moran(run.measured_shared(run.anchors), graph), np.log(predictor.levels.mean[positions] + 1e-9)
    )
    smooth.index = pd.Index([*run.panel.shared, *genes], name="gene")
    return replace(trust, table=trust.table.join(smooth.iloc[n:]), measured=smooth.iloc[:n])


def _components(values: NDArray[np.floating[Any]], config: Config) -> NDArray[np.floating[Any]]:
    """(cells, components) leading principal components."""
    return PCA.fit(values, config.components, config.seed).transform(values)


def gene_features(predictor: Predictor, features: NDArray[np.intp], components: NDArray[np.floating[Any]], graph: sp.csr_matrix) -> NDArray[np.float64]:
    """(genes, FEATURES) what is known of genes without their truth; a shared gene as the member sees it from which it is hidden, others averaged over members.

    Parameters
    ----------
    components : (reference rows, k)
        Leading principal components of the reference.
    graph : (anchors, anchors)
        `inflation.neighbours` of the predictor's anchors.
    """
    components = zscore(components) / np.sqrt(len(components))
    process = GeneProcess("", predictor.shown, predictor.genes, noise=1.0)
    out = []
    for part in stage("foreseeing scores", np.split(features, range(CHUNK, len(features), CHUNK))):
        by_member = np.stack([_seen_by(predictor, process, predictor.genes.wanted(part), m, graph) for m in range(predictor.folds)])
        mean = by_member.mean(0)
        shared = np.flatnonzero(part < len(predictor.fold))
        mean[shared] = by_member[predictor.fold[part[shared]], shared]
        out.append(np.hstack([_in_reference(predictor, part, components), mean]))
    return np.vstack(out)


def _in_reference(predictor: Predictor, features: NDArray[np.intp], components: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    genes = predictor.genes
    detection = np.asarray((genes.matrix[:, features] > 0).mean(0)).ravel()
    mean, sd = genes.mean[features], genes.sd[features]
    z = genes.standardised(features)
    explained = ((components.T @ z) ** 2).sum(0) / np.maximum((z**2).sum(0), 1e-9)
    return np.stack([detection, np.log(mean + 1e-4), np.log((sd + 1e-4) / (mean + 1e-4)), explained], 1)


def _seen_by(predictor: Predictor, process: GeneProcess, wanted: Wanted, member: int, graph: sp.csr_matrix) -> NDArray[np.float64]:
    """Of each gene: variance that the shown genes explain in the reference; mean of its five largest correlations with them there; spread of the stacked
    prediction (1 when all readouts say the same); how alike its correlations with the shown genes are in the section (predicted) and in the reference; its
    correlation with the cell's common factor; Moran's I of the prediction."""
    shown = predictor.shown[member]
    to_shown = process.to_shown(member, wanted)
    explained = (to_shown * process.vectors(member, wanted)).sum(0)
    partners = np.sort(np.abs(to_shown), axis=0)[-5:].mean(0)
    stacked = predictor.stacked(member, wanted, member)[1]
    x = predictor.anchors.x[member][:, shown]
    in_section = zscore(x).T @ zscore(stacked) / len(x)
    along = zscore(x.mean(1, keepdims=True))[:, 0] @ zscore(stacked) / len(x)
    return np.stack([explained, partners, stacked.std(0), pearson(to_shown, in_section), along, moran(stacked, graph)], 1)


def foresee(
    known: NDArray[np.float64],
    scores: NDArray[np.float64],
    wanted: NDArray[np.float64],
    names: list[str],
    seed: int,
    *,
    alike: NDArray[np.floating[Any]] | None = None,
) -> GeneTrust:
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
        return GeneTrust(pd.DataFrame({"predicted_pcc": np.nan, "reason": reason}, index=pd.Index(names, name="gene")), float("nan"), float("nan"))
    features = np.vstack([known, wanted])
    alike = np.zeros((len(features), n)) if alike is None else np.clip(alike, 0, None) ** 2
    alike[np.arange(n), np.arange(n)] = 0
    hidden = np.zeros(n)
    rounds = list(RepeatedKFold(n_splits=5, n_repeats=REPEATS, random_state=seed).split(known))
    for train, test in stage("foreseeing known scores", rounds):
        hidden[test] += _foreseen(features, alike, scores, train, test, seed) / REPEATS
    low, high = known.min(0), known.max(0)
    margin = 0.1 * (high - low)
    outside = (wanted < low - margin) | (wanted > high + margin)
    predicted = _foreseen(features, alike, scores, np.arange(n), np.arange(n, len(features)), seed)
    unlike = [", ".join(FEATURES[i] for i in np.flatnonzero(row)) for row in outside]
    table = pd.DataFrame(
        {"predicted_pcc": np.where(outside.any(1), np.nan, predicted), "reason": [f"unlike the scored genes in: {u}" if u else "" for u in unlike]},
        index=pd.Index(names, name="gene"),
    )
    return GeneTrust(table, float(np.abs(hidden - scores).mean()), float(spearmanr(hidden, scores).statistic), hidden)


def _foreseen(
    features: NDArray[np.float64], alike: NDArray[np.floating[Any]], scores: NDArray[np.float64], train: NDArray[np.intp], test: NDArray[np.intp], seed: int
) -> NDArray[np.float64]:
    """Scores of some rows, from those of others: the mean of a support vector machine and a forest."""
    from sklearn.ensemble import RandomForestRegressor, VotingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    if not len(test):
        return np.zeros(0)
    weights, mean = alike[:, train], scores[train].mean()
    partners = mean + weights @ (scores[train] - mean) / (1 + weights.sum(1))  # the mean score of genes that are alike, drawn to that of all where few are
    design = np.column_stack([features, partners])
    smooth = make_pipeline(StandardScaler(), SVR(C=0.3, gamma=0.03, epsilon=0.05))
    forest = RandomForestRegressor(60, min_samples_leaf=4, max_features=0.5, random_state=seed, n_jobs=1)
    model = VotingRegressor([("smooth", smooth), ("forest", forest)]).fit(design[train], scores[train])
    out: NDArray[np.float64] = model.predict(design[test])
    return out
