"""The metrics of a gene, against their definitions and against other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import pearsonr, spearmanr

from napari_inclust.evaluation import metrics


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.gamma(1, 1, (80, 3))
    return truth, 0.5 * truth + rng.gamma(1, 1, (80, 3))


def test_pearson_spearman_and_jensen_shannon_equal_scipy(pair):
    truth, predicted = pair
    table = metrics.gene_metrics(truth, predicted)
    for i in range(3):
        t, p = truth[:, i], predicted[:, i]
        assert table.pcc[i] == pytest.approx(pearsonr(t, p).statistic)
        assert table.spearman[i] == pytest.approx(spearmanr(t, p).statistic)
        assert table.js[i] == pytest.approx(jensenshannon(t, p, base=2) ** 2)
        assert table.rmse[i] == pytest.approx(np.sqrt(2 * (1 - table.pcc[i])))


def test_a_perfect_prediction_has_ssim_one_and_divergence_zero(pair):
    table = metrics.gene_metrics(pair[0], 3 * pair[0])
    assert np.allclose(table[["pcc", "spearman", "ssim"]], 1)
    assert np.allclose(table[["rmse", "js"]], 0, atol=1e-7)


def test_a_constant_gene_scores_zero_and_never_nan(pair):
    truth, predicted = pair
    truth[:, 0], predicted[:, 1] = 0, 2
    table = metrics.gene_metrics(truth, predicted, np.zeros(80, dtype=int))
    assert np.isfinite(table.to_numpy()).all()
    assert table.pcc[0] == table.pcc[1] == 0


def test_a_constant_of_single_precision_is_constant_though_its_mean_is_rounded():
    constant = np.full((20_003, 2), (0.1, 3.7), dtype=np.float32)
    assert (constant.mean(0) != constant[0]).all()  # what is taken off is not the value itself
    assert not metrics.zscore(constant).any()


def test_within_type_pearson_is_zero_for_a_prediction_that_knows_the_type_alone():
    rng = np.random.default_rng(1)
    types = np.repeat([0, 1, 2], 50)
    truth = types[:, None] * 2.0 + rng.normal(0, 1, (150, 1))
    table = metrics.gene_metrics(truth, types[:, None] * 1.0, types)
    assert table.pcc[0] > 0.7
    assert table.pcc_within_type[0] == 0
