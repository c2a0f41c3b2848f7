"""Principal components, exact and randomised."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from napari_inclust.utils import pca
from napari_inclust.utils.pca import PCA


def test_axes_of_many_features_are_those_of_few_and_the_same_for_the_same_seed(monkeypatch):
    rng = np.random.default_rng(0)
    values = 2 + rng.normal(size=(300, 3)) * (9, 5, 3) @ rng.normal(size=(3, 80)) + 0.1 * rng.normal(size=(300, 80))
    exact, sparse = PCA.fit(values, 3), PCA.fit(sp.csr_matrix(values), 3)
    monkeypatch.setattr(pca, "MAX_EXACT_SIZE", 10)
    randomised, arnoldi = PCA.fit(values, 3), PCA.fit(sp.csr_matrix(values), 3)
    for other in (sparse, randomised, arnoldi):
        assert (exact.axes * other.axes).sum(0) == pytest.approx(np.ones(3), abs=1e-3)
        assert other.transform(values) == pytest.approx(exact.transform(values), abs=0.1)
    assert np.array_equal(randomised.axes, PCA.fit(values, 3).axes)


def test_projections_have_mean_zero_and_the_variance_of_the_leading_axes():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(400, 6)) * (7, 5, 3, 1, 1, 1) + 4
    projected = PCA.fit(values, 3).transform(values)
    assert projected.mean(0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert projected.var(0) == pytest.approx(np.sort(np.linalg.eigvalsh(np.cov(values.T, bias=True)))[::-1][:3])


def test_there_are_never_more_axes_than_cells_or_features():
    assert PCA.fit(np.random.default_rng(0).normal(size=(4, 9)), 20).axes.shape == (9, 4)


def test_scores_centred_in_groups_are_those_of_the_dense_matrix_less_its_group_means():
    values = sp.random(300, 40, 0.3, "csr", dtype=np.float32, random_state=3)
    codes = np.repeat([0, 1], [200, 100])
    dense = values.toarray()
    means = np.stack([dense[codes == g].mean(0) for g in (0, 1)])
    centred = dense - means[codes]
    scores = pca.grouped_pca_scores(values, codes, means, 5)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    assert np.linalg.norm(scores, axis=0) == pytest.approx(s[:5], rel=1e-2)
    assert scores.mean(0) == pytest.approx(np.zeros(5), abs=1e-4)
    assert np.abs((u[:, :2] * s[:2] * scores[:, :2]).sum(0)) == pytest.approx(s[:2] ** 2, rel=0.02)
