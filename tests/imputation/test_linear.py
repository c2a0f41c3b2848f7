"""Predictions as linear functions: what is combined before it is computed equals what is combined after."""

from __future__ import annotations

import numpy as np
import pytest

from napari_inclust.imputation.linear import LinearPrediction, LinearTerm, evaluate, sum_predictions
from napari_inclust.training.inference import EncodedCells


class Given:
    """A source that counts how often it is asked."""

    def __init__(self, values):
        self.values, self.asked = values, 0

    def design_matrix(self, cells, member):
        self.asked += 1
        return (self.values[member] * cells.inputs[0][:, :1]).astype(np.float32)


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    cells = EncodedCells(rng.normal(size=(2, 30, 1)).astype(np.float32), *(np.zeros((2, 30, 1), dtype=np.float32),) * 3)
    near, far = Given(rng.normal(size=(2, 30, 5))), Given(rng.normal(size=(2, 30, 3)))
    terms = {(near, 0): LinearTerm(rng.normal(size=(5, 7)), rng.random(7)), (near, 1): LinearTerm(rng.normal(size=(5, 7)), rng.random(7)), (far, 0): LinearTerm(rng.normal(size=(3, 7)), rng.random(7))}  # fmt: skip
    return cells, near, far, LinearPrediction(terms, rng.normal(size=7))


def test_a_formula_is_the_sum_of_its_terms_and_its_constant(parts):
    cells, near, far, formula = parts
    wanted = formula.intercept + sum(
        (source.design_matrix(cells, m) @ t.coefficients) * t.gene_scale for (source, m), t in formula.terms.items()
    )
    assert evaluate([formula], cells)[0] == pytest.approx(wanted, abs=1e-5)
    assert evaluate([formula.scale_by(np.arange(7.0))], cells)[0] == pytest.approx(wanted * np.arange(7), abs=1e-4)
    assert (near.asked, far.asked) == (2 * 2 + 2, 3)


def test_combinations_and_sums_are_those_of_the_values(parts):
    cells, near, _, formula = parts
    axes = np.random.default_rng(1).normal(size=(7, 4))
    other = LinearPrediction({(near, 0): LinearTerm(np.ones((5, 4)), np.full(4, 2.0))}, np.ones(4))
    values = evaluate([formula], cells)[0]
    found = evaluate([formula.project(axes), sum_predictions([formula.project(axes), other])], cells)
    assert found[0] == pytest.approx(values @ axes, abs=1e-4)
    assert found[1] == pytest.approx(values @ axes + 2 * near.design_matrix(cells, 0) @ np.ones((5, 4)) + 1, abs=1e-4)


def test_what_cells_are_to_a_source_is_computed_once_for_all_formulas(parts):
    cells, near, far, formula = parts
    evaluate([formula] * 5, cells)
    assert (near.asked, far.asked) == (2, 1)


def test_sources_that_are_alike_are_merged_exactly_when_their_vectors_are_multiples(parts):
    cells, near, far, formula = parts
    same = formula.terms[near, 0].coefficients
    terms = formula.terms | {(near, m): LinearTerm(same * factor, np.ones(7)) for m, factor in ((0, 2.0), (1, -0.5))}
    whole = LinearPrediction(terms, formula.intercept)
    merged = whole.merge_terms(lambda source: source is near)
    assert list(merged.terms) == [(far, 0)]
    assert merged.merged is not None
    found, beside = evaluate([merged, formula], cells)
    assert found == pytest.approx(evaluate([whole], cells)[0], abs=1e-4)
    assert beside == pytest.approx(evaluate([formula], cells)[0], abs=1e-4)


def test_merged_sources_keep_most_of_what_is_not_a_multiple(parts):
    cells, near, _, formula = parts
    noise = np.random.default_rng(2).normal(size=(5, 7))
    terms = {
        (near, m): LinearTerm(formula.terms[near, 0].coefficients + 0.1 * sign * noise, np.ones(7))
        for m, sign in ((0, 1), (1, -1))
    }
    whole = LinearPrediction(terms, np.zeros(7))
    exact, found = evaluate([whole, whole.merge_terms(lambda source: True)], cells)
    assert np.abs(found - exact).max() > 0
    assert np.corrcoef(found.ravel(), exact.ravel())[0, 1] > 0.98
    assert whole.merge_terms(lambda source: False) is whole
