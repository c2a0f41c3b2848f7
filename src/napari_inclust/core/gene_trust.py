"""How well an unmeasured gene is likely predicted: a regression of the held-out scores on what can be known of a gene without its truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .predict import Predictor
from .readout import GeneProcess, Wanted
from .score import pearson, zscore

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
)
CHUNK = 256
MIN_GENES = 20  # scored genes below which nothing is foreseen


@dataclass(frozen=True, eq=False)
class GeneTrust:
    """Foreseen held-out Pearson of genes.

    Attributes
    ----------
    table
        One row a gene: `predicted_pcc` (NaN where the gene lies outside what the scored genes cover) and `reason` (why it abstains, or "").
    error
        Mean absolute error of the regression for genes hidden from it (cross-validated).
    rank_correlation
        Spearman between foreseen and true scores of genes hidden from it.
    hidden : (scored genes,)
        What it foresees of each scored gene that is hidden from it; empty where nothing is foreseen.
    """

    table: pd.DataFrame
    error: float
    rank_correlation: float
    hidden: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def gene_features(predictor: Predictor, features: NDArray[np.intp], components: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(genes, FEATURES) what is known of genes without their truth; a shared gene as the member sees it from which it is hidden, others averaged over members.

    Parameters
    ----------
    components : (reference rows, k)
        Leading principal components of the reference.
    """
    components = zscore(components) / np.sqrt(len(components))
    out = []
    for start in range(0, len(features), CHUNK):
        part = features[start : start + CHUNK]
        by_member = np.stack([_seen_by(predictor, predictor.genes.wanted(part), m) for m in range(predictor.folds)])
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


def _seen_by(predictor: Predictor, wanted: Wanted, member: int) -> NDArray[np.float64]:
    """Of each gene: variance that the shown genes explain in the reference; mean of its five largest correlations with them there; spread of the stacked
    prediction (1 when all readouts say the same); how alike its correlations with the shown genes are in the section (predicted) and in the reference; its
    correlation with the cell's common factor."""
    shown = predictor.shown[member]
    process = GeneProcess("", predictor.shown, predictor.genes, noise=1.0)
    to_shown = process.to_shown(member, wanted)
    explained = (to_shown * np.linalg.solve(process.between_shown(member), to_shown)).sum(0)
    partners = np.sort(np.abs(to_shown), axis=0)[-5:].mean(0)
    stacked = predictor.stacked(member, wanted, None, member)
    x = predictor.anchors.x[member][:, shown]
    in_section = zscore(x).T @ zscore(stacked) / len(x)
    along = zscore(x.mean(1, keepdims=True))[:, 0] @ zscore(stacked) / len(x)
    return np.stack([explained, partners, stacked.std(0), pearson(to_shown, in_section), along], 1)


def foresee(known: NDArray[np.float64], scores: NDArray[np.float64], wanted: NDArray[np.float64], names: list[str], seed: int) -> GeneTrust:
    """Regress scores on features and foresee those of other genes.

    Parameters
    ----------
    known : (scored genes, FEATURES); scores : (scored genes,); wanted : (genes, FEATURES)
    """
    from scipy.stats import spearmanr
    from sklearn.base import clone
    from sklearn.ensemble import RandomForestRegressor, VotingRegressor
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    if len(scores) < MIN_GENES:
        reason = f"only {len(scores)} scored genes; {MIN_GENES} are needed to foresee others"
        return GeneTrust(pd.DataFrame({"predicted_pcc": np.nan, "reason": reason}, index=pd.Index(names, name="gene")), float("nan"), float("nan"))
    smooth = make_pipeline(StandardScaler(), SVR(C=0.3, gamma=0.03, epsilon=0.05))
    forest = RandomForestRegressor(100, min_samples_leaf=4, max_features=0.5, random_state=seed, n_jobs=1)
    model = VotingRegressor([("smooth", smooth), ("forest", forest)])
    hidden = cross_val_predict(clone(model), known, scores, cv=KFold(5, shuffle=True, random_state=seed))
    model.fit(known, scores)
    low, high = known.min(0), known.max(0)
    margin = 0.1 * (high - low)
    outside = (wanted < low - margin) | (wanted > high + margin)
    predicted = model.predict(wanted) if len(wanted) else np.zeros(0)
    unlike = [", ".join(FEATURES[i] for i in np.flatnonzero(row)) for row in outside]
    table = pd.DataFrame(
        {"predicted_pcc": np.where(outside.any(1), np.nan, predicted), "reason": [f"unlike the scored genes in: {u}" if u else "" for u in unlike]},
        index=pd.Index(names, name="gene"),
    )
    return GeneTrust(table, float(np.abs(hidden - scores).mean()), float(spearmanr(hidden, scores).statistic), hidden)
