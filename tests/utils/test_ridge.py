"""Ridge regression: any penalty, dense and sparse responses, with and without an intercept."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import linear_model

from napari_inclust.utils.ridge import Ridge


@pytest.fixture
def regression():
    """Design (50, 4) whose columns have a mean, and sparse responses (50, 3)."""
    rng = np.random.default_rng(0)
    design = 2 + rng.normal(size=(50, 4)) * [1, 2, 3, 4]
    return design, np.maximum(design @ rng.normal(size=(4, 3)) + rng.normal(size=(50, 3)), 0)


@pytest.mark.parametrize("intercept", [True, False])
def test_one_penalty_gives_the_solution_of_scikit_learn(regression, intercept):
    design, responses = regression
    expected = linear_model.Ridge(5.0, fit_intercept=intercept).fit(design, responses)
    offset, slopes = Ridge(design, 5.0, intercept=intercept).solve(responses)
    np.testing.assert_allclose(slopes, expected.coef_.T, atol=1e-10)
    np.testing.assert_allclose(offset, np.broadcast_to(expected.intercept_, 3), atol=1e-10)


def test_a_penalty_by_variance_is_one_penalty_on_standardised_columns(regression):
    design, responses = regression
    sd = design.std(0)
    offset, slopes = Ridge(design, 5.0 * sd**2).solve(responses)
    expected = linear_model.Ridge(5.0).fit(design / sd, responses)
    np.testing.assert_allclose(offset + design @ slopes, expected.predict(design / sd), atol=1e-10)


def test_sparse_and_single_responses_have_the_same_solution(regression):
    design, responses = regression
    ridge = Ridge(design, 1.0)
    for dense, sparse in zip(ridge.solve(responses), ridge.solve(sp.csr_matrix(responses)), strict=True):
        np.testing.assert_allclose(sparse, dense, atol=1e-10)
    offset, slopes = ridge.solve(responses[:, 1])
    np.testing.assert_allclose(slopes, ridge.solve(responses)[1][:, 1], atol=1e-10)
    assert offset == pytest.approx(ridge.solve(responses)[0][1])


def test_results_have_the_precision_of_the_design(regression):
    design, responses = regression
    offset, slopes = Ridge(design.astype(np.float32), 1.0).solve(responses)
    assert (offset.dtype, slopes.dtype) == (np.float32, np.float32)
