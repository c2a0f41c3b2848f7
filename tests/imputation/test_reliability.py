"""What a run says of how far to believe it: genes and cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from napari_inclust.data.section import Reference, Section
from napari_inclust.evaluation import cell_reliability, covariation
from napari_inclust.evaluation.conformal import calibrate
from napari_inclust.evaluation.metrics import zscore
from napari_inclust.imputation.fit import fit
from napari_inclust.imputation.gene_reliability import SCORE_PREDICTORS, regress_scores
from napari_inclust.training.config import Config

from ..synthetic import N_EXTRA, N_SHARED, make_adata


@pytest.fixture
def scored():
    """Genes whose score follows one of the features."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, len(SCORE_PREDICTORS)))
    return features, 0.4 + 0.15 * features[:, 3] + rng.normal(0, 0.03, 80)


def test_scores_of_genes_are_foreseen_and_the_error_is_that_of_genes_hidden_from_the_regression(scored):
    features, scores = scored
    trust = regress_scores(features[:60], scores[:60], features[60:], [f"g{i}" for i in range(20)], seed=0)
    foreseen = trust.table["predicted_pcc"].to_numpy()
    known = np.isfinite(foreseen)
    assert known.sum() > 10
    assert np.corrcoef(foreseen[known], scores[60:][known])[0, 1] > 0.8
    assert trust.rank_correlation > 0.7
    assert 0.01 < trust.mean_absolute_error < 0.1


def test_genes_that_are_alike_in_the_reference_tell_each_others_scores():
    rng = np.random.default_rng(0)
    module = np.arange(80) % 4
    features = rng.normal(size=(80, len(SCORE_PREDICTORS)))
    scores = np.array([0.1, 0.3, 0.5, 0.7])[module] + rng.normal(0, 0.03, 80)
    alike = 0.6 * (module[:, None] == module[:60]).astype(float)
    names = [f"g{i}" for i in range(20)]
    told = regress_scores(features[:60], scores[:60], features[60:], names, seed=0, gene_similarity=alike)
    assert told.rank_correlation > 0.8
    assert told.table["predicted_pcc"].corr(pd.Series(scores[60:], names)) > 0.8
    mixed = regress_scores(
        features[:60], rng.permutation(scores[:60]), features[60:], names, seed=0, gene_similarity=alike
    )
    assert abs(mixed.rank_correlation) < 0.4  # a gene's own score is not among those of its partners


def test_scores_that_follow_nothing_are_said_to_be_unforeseeable(scored):
    features, scores = scored
    trust = regress_scores(features, np.random.default_rng(1).permutation(scores), features[:2], ["a", "b"], seed=0)
    assert abs(trust.rank_correlation) < 0.35


def test_a_gene_unlike_all_scored_ones_is_not_foreseen_and_the_reason_is_said(scored):
    features, scores = scored
    strange = features[:2].copy()
    strange[1, 0] = 50
    table = regress_scores(features, scores, strange, ["like", "unlike"], seed=0).table
    assert np.isfinite(table.loc["like", "predicted_pcc"])
    assert np.isnan(table.loc["unlike", "predicted_pcc"])
    assert table.loc["unlike", "reason"] == "unlike the scored genes in: detection"


def test_too_few_scored_genes_foresee_nothing(scored):
    table = regress_scores(scored[0][:12], scored[1][:12], scored[0][:1], ["a"], seed=0).table
    assert np.isnan(table.predicted_pcc["a"])
    assert "only 12 scored genes; 20 are needed" in table.reason["a"]


def test_a_run_foresees_its_unmeasured_genes_and_trusts_its_cells(config):
    section = Section.from_adata(make_adata(300, 1, 1.0, slice(0, N_SHARED)))
    reference = Reference.from_adata(make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA)))
    run = fit(section, reference, config)
    assert list(run.gene_trust.table.index) == list(run.panel.reference_only)
    assert run.cell_trust.shape == (300,)
    assert ((run.cell_trust >= 0) & (run.cell_trust <= 1)).all()


def test_cells_of_a_type_that_the_reference_lacks_are_trusted_least(config):
    section = Section.from_adata(make_adata(300, 1, 3.0, slice(0, N_SHARED)))
    adata = make_adata(400, 2, 3.0, slice(0, N_SHARED + N_EXTRA))
    missing = "Neuron"
    run = fit(section, Reference.from_adata(adata[adata.obs.cell_type != missing].copy()), config, labels="cell_type")
    unknown = (section.adata.obs["cell_type"] == missing).to_numpy()
    assert np.median(run.cell_trust[unknown]) < np.quantile(run.cell_trust[~unknown], 0.1)


def test_groups_stand_in_for_types_where_nothing_is_labelled():
    rng = np.random.default_rng(0)
    reference = np.vstack([rng.normal(3 * np.eye(6)[k], 0.3, (60, 6)) for k in range(3)])
    profiles = cell_reliability.type_profiles(reference, np.full(180, -1), seed=0)
    assert len(profiles) > 2
    known = rng.normal(3 * np.eye(6)[1], 0.3, (40, 6))
    unknown = rng.normal(3 * np.eye(6)[5], 0.3, (40, 6))
    near = cell_reliability.SmoothedCells(np.vstack([reference[::3], unknown[:10]]), seed=0)
    assert near.novelty_scores(unknown, profiles)[0].min() > near.novelty_scores(known, profiles)[0].max()


def test_what_sets_a_group_apart_is_lacking_where_its_genes_do_not_vary_together():
    rng = np.random.default_rng(0)
    centres, group = 1.5 * np.kron(np.eye(4), np.ones(5)), np.arange(400) % 4
    ours, theirs = (zscore(centres[group] + rng.normal(size=(400, 20))) for _ in range(2))
    groups, sizes = np.stack([ours[group == g].mean(0) for g in range(4)]), np.bincount(group)
    whole, noise = (
        covariation.missing_covariation(groups, sizes, ours, theirs),
        covariation.missing_covariation_error(groups, sizes, ours, theirs),
    )
    without = covariation.missing_covariation(groups, sizes, ours, zscore(theirs[group != 2]))
    assert whole.max() < 0.1
    assert 0 < noise < 0.1
    assert without.argmax() == 2
    assert without[2] > 0.25 > 2 * np.delete(without, 2).max()
    assert covariation.missing_covariation(groups[:2], sizes[:2], ours, theirs).tolist() == [0, 0]


def test_presets_all_make_a_config():
    from napari_inclust.training.config import PRESETS

    assert [Config.preset(p).name for p in PRESETS] == list(PRESETS)


def test_intervals_hold_nine_of_ten_values_of_genes_that_did_not_calibrate_them():
    rng = np.random.default_rng(0)
    level = rng.gamma(2, 1, 60)
    truth = rng.gamma(1 + level, 0.5, (900, 60))
    predicted = truth.mean(0) + 0.5 * (truth - truth.mean(0)) + rng.normal(0, 0.3, truth.shape)
    calibration = calibrate(predicted, truth, truth.mean(0), truth.std(0), np.arange(60) % 5)
    coverage = calibration.coverage
    assert coverage.coverage[0] == pytest.approx(0.9, abs=0.02)
    assert len(coverage) == 1 + 3 * 3
    assert coverage.coverage.between(0.85, 0.95).all()
    low, high = calibration.interval(predicted[:, 7], truth[:, 7].mean(), truth[:, 7].std())
    assert (low >= 0).all()
    assert ((truth[:, 7] >= low) & (truth[:, 7] <= high)).mean() == pytest.approx(0.9, abs=0.06)
    ends = [calibration.interval(predicted[:, i], truth[:, i].mean(), truth[:, i].std()) for i in range(60)]
    width, error = [(high - low).mean() for low, high in ends], np.sqrt(((truth - predicted) ** 2).mean(0))
    assert spearmanr(width, error).statistic > 0.9


def test_an_interval_of_a_run_surrounds_what_was_measured(config, truth):
    section = Section.from_adata(make_adata(300, 1, 1.0, slice(0, N_SHARED)))
    reference = Reference.from_adata(make_adata(240, 2, 2.0, slice(0, N_SHARED + N_EXTRA)))
    run = fit(section, reference, config, labels="cell_type")
    low, high = run.interval(run.impute("Gene1"))
    measured = run.measured("Gene1")
    assert ((measured >= low - 1e-6) & (measured <= high + 1e-6)).mean() > 0.75
